// Augmentation of pictures as bytes, height x width x channels: shifts by padding and cropping, and mirroring (He et al.
// 2015 for CIFAR-10). One draw of the generator decides each picture, so that a seed names them all.
import type { Random } from '../../numerics/random.js';

export interface Augmentation {
  /** Pixels of 0 around the picture before a part of its own size is cut out at random; 0 for none. */
  readonly padding: number;
  /** Whether half of the pictures are mirrored left to right. */
  readonly flip: boolean;
}

/** What happens to one picture. */
export interface Shift {
  readonly down: number;
  readonly right: number;
  readonly mirrored: boolean;
}

/** Draws what happens to the next picture. */
export function drawAugmentation({ padding, flip }: Augmentation, random: Random): Shift {
  const side = 2 * padding + 1;
  const down = random.below(side) - padding;
  const right = random.below(side) - padding;
  return { down, right, mirrored: flip && random.below(2) === 1 };
}

/** Writes an augmented copy of `from` to `to`, both of shape [height, width, channels]. */
export function augment(
  from: Uint8Array,
  to: Uint8Array,
  [height, width, channels]: readonly [number, number, number],
  augmentation: Augmentation,
  random: Random,
): void {
  const { down, right, mirrored } = drawAugmentation(augmentation, random);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [row, column] = [y + down, (mirrored ? width - 1 - x : x) + right];
      const inside = row >= 0 && row < height && column >= 0 && column < width;
      const source = (row * width + column) * channels;
      for (let c = 0; c < channels; c++) to[(y * width + x) * channels + c] = inside ? from[source + c] : 0;
    }
  }
}
