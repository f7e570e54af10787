// Copies that leave numbers as they are: strided blocks for concat, pad, upsample and shuffle, and rows picked by numbers
// for embedding and tables, also out of planes of bits.
import { element } from './rows';

@unmanaged
export class MoveParams {
  /** Bytes from one sample to the next. */
  input: usize;
  inputStride: usize;
  output: usize;
  outputStride: usize;
  /** Bytes of the output that are set to 0 first: rows of bits end in zeros. */
  clear: usize;
  /** Bytes that are copied together; 0: single bits, and all offsets and strides count bits. */
  unit: i32;
  inputOffset: usize;
  outputOffset: usize;
  /** Repetitions of the unit, the innermost first; 1 where there are fewer. */
  count0: i32;
  count1: i32;
  count2: i32;
  count3: i32;
  count4: i32;
  count5: i32;
  from0: usize;
  from1: usize;
  from2: usize;
  from3: usize;
  from4: usize;
  from5: usize;
  to0: usize;
  to1: usize;
  to2: usize;
  to3: usize;
  to4: usize;
  to5: usize;
}

/** Dimensions of MoveParams. */
const DEPTH: i32 = 6;

export function move(params: usize, samples: i32): void {
  const p = changetype<MoveParams>(params);
  for (let s: usize = 0; s < <usize>samples; s++) {
    const output = p.output + s * p.outputStride;
    memory.fill(output, 0, p.clear);
    level(p, DEPTH - 1, p.input + s * p.inputStride, p.inputOffset, output, p.outputOffset);
  }
}

/** Copies dimension `d` and those inside it. */
function level(p: MoveParams, d: i32, input: usize, from: usize, output: usize, to: usize): void {
  const at = changetype<usize>(p) + (<usize>d << 2);
  const fromStep = load<usize>(at, offsetof<MoveParams>('from0'));
  const toStep = load<usize>(at, offsetof<MoveParams>('to0'));
  for (let left = load<i32>(at, offsetof<MoveParams>('count0')); left > 0; left--) {
    if (d) level(p, d - 1, input, from, output, to);
    else if (p.unit) copyUnit(output + to, input + from, p.unit);
    else copyBit(output, to, input, from);
    from += fromStep;
    to += toStep;
  }
}

function copyBit(output: usize, to: usize, input: usize, from: usize): void {
  const bit = (load<u8>(input + (from >> 3)) >> <u8>(from & 7)) & 1;
  const at = output + (to >> 3);
  const shift = <u8>(to & 7);
  store<u8>(at, (load<u8>(at) & ~(1 << shift)) | (bit << shift));
}

function copyUnit(to: usize, from: usize, unit: i32): void {
  if (unit == 1) store<u8>(to, load<u8>(from));
  else if (unit == 4) store<u32>(to, load<u32>(from));
  else memory.copy(to, from, unit);
}

@unmanaged
export class PickParams {
  /** (samples, count) numbers of a row type. */
  input: usize;
  inputStride: usize;
  type: i32;
  count: i32;
  /** (rows) of `bytes` bytes, or (rows, width) levels in planes of bits, 16 rows side by side, as weights stand in the file. */
  table: usize;
  rows: i32;
  /** 0 for rows that stand as they are. */
  planes: i32;
  bytes: i32;
  /** (samples, count, bytes). */
  output: usize;
}

/** Row v of the table for every number v; the nearest row for numbers outside. */
export function pick(params: usize, samples: i32): void {
  const p = changetype<PickParams>(params);
  let output = p.output;
  for (let s: usize = 0; s < <usize>samples; s++) {
    for (let i = 0; i < p.count; i++) {
      const row = min(max(element(p.type, p.input + s * p.inputStride, i), 0), p.rows - 1);
      if (p.planes) gatherRow(p, row, output);
      else copyUnit(output, p.table + <usize>row * p.bytes, p.bytes);
      output += <usize>p.bytes;
    }
  }
}

/** Bytes of eight bits out of one plane, levels of a byte each out of several. */
function gatherRow(p: PickParams, row: i32, output: usize): void {
  const several = p.planes > 1;
  const groups = several ? (p.bytes + 7) >> 3 : p.bytes;
  const from = p.table + <usize>((row >> 4) * p.planes * groups) * 16 + <usize>(row & 15);
  for (let i = 0; i < p.bytes; i++) {
    let value = 0;
    for (let plane = p.planes - 1; plane >= 0; plane--) {
      value <<= 1;
      if (several) value |= (<i32>load<u8>(from + <usize>(plane * groups + (i >> 3)) * 16) >> (i & 7)) & 1;
      else value = <i32>load<u8>(from + <usize>i * 16);
    }
    store<u8>(output + <usize>i, <u8>value);
  }
}
