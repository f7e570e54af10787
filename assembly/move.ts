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
  type: i32;
  count: i32;
  inputStride: usize;
  /** (rows) of `bytes` bytes. */
  table: usize;
  rows: i32;
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
      copyUnit(output, p.table + <usize>row * p.bytes, p.bytes);
      output += <usize>p.bytes;
    }
  }
}

@unmanaged
export class PickPlanesParams {
  /** (samples, count) numbers of a row type. */
  input: usize;
  type: i32;
  count: i32;
  inputStride: usize;
  /** (rows, width) centered levels in blocks of 16 rows, as weights of products stand in the file. */
  table: usize;
  rows: i32;
  width: i32;
  /** Bits of a level. */
  planes: i32;
  /** (samples, count, width): bytes, or packed bits where there is one plane. */
  output: usize;
}

/** What pick() does, by rows whose bits lie in planes. */
export function pick_planes(params: usize, samples: i32): void {
  const p = changetype<PickPlanesParams>(params);
  const groups = (p.width + 7) >> 3;
  let output = p.output;
  for (let s: usize = 0; s < <usize>samples; s++) {
    for (let i = 0; i < p.count; i++) {
      const row = min(max(element(p.type, p.input + s * p.inputStride, i), 0), p.rows - 1);
      const from = p.table + <usize>((row >> 4) * p.planes * groups) * 16 + <usize>(row & 15);
      if (p.planes == 1) {
        for (let g = 0; g < groups; g++) store<u8>(output + <usize>g, load<u8>(from + <usize>g * 16));
        output += <usize>groups;
      } else {
        levelsOf(p, from, groups, output);
        output += <usize>p.width;
      }
    }
  }
}

/** The levels of one row, eight at a time. */
function levelsOf(p: PickPlanesParams, from: usize, groups: i32, output: usize): void {
  for (let g = 0; g < groups; g++) {
    let levels: u64 = 0;
    for (let plane = 0; plane < p.planes; plane++) {
      levels |= spread(load<u8>(from + <usize>(plane * groups + g) * 16)) << <u64>plane;
    }
    const left = p.width - 8 * g;
    if (left >= 8) {
      store<u64>(output, levels);
      output += 8;
    } else {
      for (let i = 0; i < left; i++) store<u8>(output + <usize>i, <u8>(levels >> <u64>(8 * i)));
    }
  }
}

/** Bit i of a byte as byte i, 0 or 1. */
// @ts-ignore: decorator
@inline
function spread(bits: u8): u64 {
  const alone = (<u64>bits * 0x0101010101010101) & 0x8040201008040201;
  return ((alone + 0x7f7f7f7f7f7f7f7f) >> 7) & 0x0101010101010101;
}
