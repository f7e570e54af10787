// Augmentation of pictures as bytes, height x width x channels: shifts by padding and cropping, mirroring (He et al. 2015 for
// CIFAR-10), and small turns (Ciresan et al. 2010 for MNIST). Draws of one generator decide each picture, so that a seed
// names them all.
import type { Random } from '../../numerics/random.js';

export interface Augmentation {
  /** Pixels of 0 around the picture before a part of its own size is cut out at random; 0 for none. */
  readonly padding: number;
  /** Whether half of the pictures are mirrored left to right. */
  readonly flip: boolean;
  /** Degrees, 0 .. 45, by at most which pictures are turned about their centre, either way. Default 0. */
  readonly turn?: number;
}

/** What happens to one picture. */
export interface Shift {
  readonly down: number;
  readonly right: number;
  readonly mirrored: boolean;
  /** Degrees, counterclockwise. */
  readonly turned: number;
}

/** Angles that are drawn, to either side of 0. */
const TURNS = 1000;

/** Draws what happens to the next picture. */
export function drawAugmentation({ padding, flip, turn = 0 }: Augmentation, random: Random): Shift {
  const side = 2 * padding + 1;
  const down = random.below(side) - padding;
  const right = random.below(side) - padding;
  const mirrored = flip && random.below(2) === 1;
  const turned = turn === 0 ? 0 : (turn * (random.below(2 * TURNS + 1) - TURNS)) / TURNS;
  return { down, right, mirrored, turned };
}

/** Writes an augmented copy of `from` to `to`, both of shape [height, width, channels]. */
export function augment(
  from: Uint8Array,
  to: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
  augmentation: Augmentation,
  random: Random,
): void {
  const { down, right, mirrored, turned } = drawAugmentation(augmentation, random);
  const placeBefore = turning(turned, [height, width]);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [row, column] = [y + down, (mirrored ? width - 1 - x : x) + right];
      const place = (y * width + x) * channels;
      if (turned !== 0) {
        blend(from, to.subarray(place, place + channels), [height, width], placeBefore(row, column));
        continue;
      }
      const inside = row >= 0 && row < height && column >= 0 && column < width;
      const source = (row * width + column) * channels;
      for (let c = 0; c < channels; c++) to[place + c] = inside ? from[source + c] : 0;
    }
  }
}

/** Where pixels lay before a picture was turned by `degrees`. */
function turning(degrees: number, [height, width]: readonly [number, number]) {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [middle, centre] = [(height - 1) / 2, (width - 1) / 2];
  return (row: number, column: number): readonly [number, number] => {
    const [y, x] = [row - middle, column - centre];
    return [y * cos + x * sin + middle, x * cos - y * sin + centre];
  };
}

/** The mean of the four pixels around a place, by their nearness, rounded; pixels of 0 lie around the picture. */
function blend(
  from: Uint8Array,
  pixel: Uint8Array,
  [height, width]: readonly [number, number],
  [row, column]: readonly [number, number],
): void {
  const [top, left] = [Math.floor(row), Math.floor(column)];
  const [down, right] = [row - top, column - left];
  const channels = pixel.length;
  for (let c = 0; c < channels; c++) {
    const at = (y: number, x: number): number =>
      y >= 0 && y < height && x >= 0 && x < width ? from[(y * width + x) * channels + c] : 0;
    const above = at(top, left) * (1 - right) + at(top, left + 1) * right;
    const below = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right;
    pixel[c] = Math.round(above * (1 - down) + below * down);
  }
}
