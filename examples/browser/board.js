// A canvas to draw on, by pointer (mouse, finger, pen) or by keyboard.

const STEP = 10;
const BRUSH = 22;
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

export class Board {
  #canvas;
  #ink;
  #onChange;
  #brush;
  #down = false;

  /** @param onChange is handed the drawing (ImageData) when a stroke has ended */
  constructor(canvas, onChange) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    // Strokes stay on a canvas of their own: the visible one has the brush as well.
    const sheet = document.createElement('canvas');
    sheet.width = canvas.width;
    sheet.height = canvas.height;
    this.#ink = sheet.getContext('2d', { willReadFrequently: true });
    Object.assign(this.#ink, { lineWidth: BRUSH, lineCap: 'round', strokeStyle: '#fff' });
    this.#brush = [canvas.width / 2, canvas.height / 2];
    canvas.addEventListener('pointerdown', (event) => {
      // A second finger draws no line of its own.
      if (!event.isPrimary || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#down = true;
      this.#brush = this.#place(event);
      this.#lineTo(this.#brush);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (event.isPrimary && this.#down && canvas.hasPointerCapture(event.pointerId)) this.#lineTo(this.#place(event));
    });
    for (const type of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(type, (event) => {
        if (event.isPrimary && this.#down) this.#lift();
      });
    }
    canvas.addEventListener('keydown', (event) => this.#key(event));
    for (const type of ['focus', 'blur']) canvas.addEventListener(type, () => this.#show());
    this.#show();
  }

  clear() {
    this.#ink.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#brush = [this.#canvas.width / 2, this.#canvas.height / 2];
    this.#lift();
  }

  #key(event) {
    const move = MOVES[event.key];
    if (event.key === ' ') {
      this.#down = !this.#down;
      if (this.#down) this.#lineTo(this.#brush);
      else this.#lift();
    } else if (event.key === 'Delete' || event.key === 'Backspace') this.clear();
    else if (move !== undefined) {
      const { width, height } = this.#canvas;
      const [x, y] = this.#brush;
      const target = [Math.min(width, Math.max(0, x + move[0])), Math.min(height, Math.max(0, y + move[1]))];
      if (this.#down) {
        this.#lineTo(target);
        this.#tell();
      } else this.#brush = target;
    } else return;
    event.preventDefault();
    this.#show();
  }

  #place({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    const scale = this.#canvas.width / box.width;
    return [(clientX - box.left) * scale, (clientY - box.top) * scale];
  }

  #lineTo(target) {
    this.#ink.beginPath();
    this.#ink.moveTo(...this.#brush);
    this.#ink.lineTo(...target);
    this.#ink.stroke();
    this.#brush = target;
    this.#show();
  }

  #lift() {
    this.#down = false;
    this.#show();
    this.#tell();
  }

  #tell() {
    this.#onChange(this.#ink.getImageData(0, 0, this.#canvas.width, this.#canvas.height));
  }

  #show() {
    const context = this.#canvas.getContext('2d');
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.drawImage(this.#ink.canvas, 0, 0);
    if (document.activeElement !== this.#canvas) return;
    context.beginPath();
    context.arc(...this.#brush, BRUSH / 2, 0, 2 * Math.PI);
    Object.assign(context, { lineWidth: 2, strokeStyle: this.#down ? '#ff8a3d' : '#7db0ff' });
    context.stroke();
  }
}
