// Places buffers with lifetimes in one static arena: two buffers share bytes only if they are never alive together.
// Largest first, each at the lowest offset that is free for its whole lifetime.
import { roundUp } from '../numerics/bits.js';
import { ALIGNMENT } from './layout.js';

export interface Buffer {
  readonly bytes: number;
  /** First and last step that touches the buffer. */
  readonly first: number;
  readonly last: number;
}

export interface Arena {
  /** Offset of each buffer, in the order given. */
  readonly offsets: readonly number[];
  readonly bytes: number;
}

export function placeBuffers(buffers: readonly Buffer[]): Arena {
  const offsets = new Array<number>(buffers.length).fill(0);
  const order = buffers.map((_, i) => i).sort((a, b) => buffers[b].bytes - buffers[a].bytes || a - b);
  const placed: number[] = [];
  let bytes = 0;
  for (const i of order) {
    const buffer = buffers[i];
    const rivals = placed
      .filter((j) => buffers[j].first <= buffer.last && buffers[j].last >= buffer.first)
      .sort((a, b) => offsets[a] - offsets[b]);
    let offset = 0;
    for (const j of rivals) {
      if (offset + buffer.bytes <= offsets[j]) break;
      offset = Math.max(offset, roundUp(offsets[j] + buffers[j].bytes, ALIGNMENT));
    }
    offsets[i] = offset;
    placed.push(i);
    bytes = Math.max(bytes, offset + buffer.bytes);
  }
  return { offsets, bytes: roundUp(bytes, ALIGNMENT) };
}
