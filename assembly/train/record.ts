// The record of one call: 24 words that src/train/cpu/encode.ts writes. Word 0 is the opcode, word 1 the number of tasks,
// words 2 to 15 hold addresses and sizes, words 16 to 23 float32 numbers.

export const RECORD_BYTES: usize = 96;

// @ts-ignore: decorator
@inline
export function opcode(record: usize): i32 {
  return load<i32>(record);
}

// @ts-ignore: decorator
@inline
export function tasks(record: usize): i32 {
  return load<i32>(record, 4);
}

/** Size or flag i of a record. */
// @ts-ignore: decorator
@inline
export function int(record: usize, i: i32): i32 {
  return load<i32>(record + (<usize>i << 2), 8);
}

/** Address i of a record; addresses and sizes share one list. */
// @ts-ignore: decorator
@inline
export function at(record: usize, i: i32): usize {
  return <usize>load<u32>(record + (<usize>i << 2), 8);
}

// @ts-ignore: decorator
@inline
export function float(record: usize, i: i32): f32 {
  return load<f32>(record + (<usize>i << 2), 64);
}
