// Pictures in a terminal: one character is two pixels, one above the other, as the upper half block in two colours or, where
// there are none, as one of four block characters.

/** Grey values are 24 steps from 232 on in the 256-colour palette; 16 is black. */
const BLACK = 16;
const GREYS = 232;
const GREY_STEPS = 24;
/** Without colour: pixels from here on are drawn. */
const VISIBLE = 96;
const BLOCKS = [' ', '▀', '▄', '█'] as const;

/**
 * Draws a greyscale picture, 0 is black. Dark rows above and below the content are left out.
 *
 * @param pixels (height, width) bytes, row-major
 * @returns lines that are all `width` characters wide on the terminal
 */
export function drawPicture(pixels: ArrayLike<number>, width: number, height: number, colours: boolean): string[] {
  const rowHasContent = (y: number): boolean => {
    for (let x = 0; x < width; x++) if (pixels[y * width + x] >= VISIBLE) return true;
    return false;
  };
  let top = 0;
  let bottom = height;
  while (top < bottom && !rowHasContent(top)) top++;
  while (bottom > top && !rowHasContent(bottom - 1)) bottom--;
  const lines: string[] = [];
  for (let y = top; y < bottom; y += 2) {
    let line = '';
    for (let x = 0; x < width; x++) {
      const upper = pixels[y * width + x];
      const lower = y + 1 < height ? pixels[(y + 1) * width + x] : 0;
      if (colours) line += `\u001b[38;5;${grey(upper)};48;5;${grey(lower)}m▀`;
      else line += BLOCKS[(upper >= VISIBLE ? 1 : 0) + (lower >= VISIBLE ? 2 : 0)];
    }
    lines.push(colours ? `${line}\u001b[0m` : line);
  }
  return lines;
}

function grey(value: number): number {
  return value === 0 ? BLACK : GREYS + Math.floor((value * GREY_STEPS) / 256);
}

/** A bar of up to `width` characters for a share in [0, 1], to an eighth of a character. */
export function drawBar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const rest = eighths % 8;
  return '█'.repeat(Math.floor(eighths / 8)) + (rest === 0 ? '' : String.fromCharCode(0x2590 - rest));
}
