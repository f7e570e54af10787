// A drawing as MNIST has its digits: the ink scaled to fit 20 x 20 pixels, its centre of mass in the middle of 28 x 28.

const SIDE = 28;
const BOX = 20;

/**
 * @param drawing ImageData whose alpha is the ink
 * @returns 784 bytes, or undefined where nothing is drawn
 */
export function toMnist({ data, width, height }) {
  const ink = (x, y) => data[4 * (y * width + x) + 3];
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink(x, y) < 128) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  if (right < 0) return undefined;
  // Pixels of the drawing to a pixel of the digit.
  const scale = Math.max(right - left + 1, bottom - top + 1) / BOX;
  let [mass, massX, massY] = [0, 0, 0];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      mass += ink(x, y);
      massX += ink(x, y) * (x + 0.5);
      massY += ink(x, y) * (y + 0.5);
    }
  }
  const originX = massX / mass - (SIDE / 2) * scale;
  const originY = massY / mass - (SIDE / 2) * scale;
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
    const x = originX + (i % SIDE) * scale;
    const y = originY + Math.floor(i / SIDE) * scale;
    return meanInk(ink, width, height, x, y, scale);
  });
}

/** Mean ink of a square, by samples half a pixel or less apart. */
function meanInk(ink, width, height, left, top, side) {
  const samples = Math.max(1, Math.ceil(2 * side));
  let sum = 0;
  for (let j = 0; j < samples; j++) {
    for (let i = 0; i < samples; i++) {
      const x = Math.floor(left + ((i + 0.5) / samples) * side);
      const y = Math.floor(top + ((j + 0.5) / samples) * side);
      if (x >= 0 && x < width && y >= 0 && y < height) sum += ink(x, y);
    }
  }
  return Math.round(sum / samples ** 2);
}
