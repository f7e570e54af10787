// Cuts a convolution into strips of output pixels whose input fits the L1 cache, and lays that input out so that the taps
// of one kernel row are one contiguous run of kernelWidth * C elements. A product kernel then sees, for every output
// pixel, kernelHeight runs and nothing of padding, stride or dilation.
//
//   1. rows of the strip are copied with zeros around them; int8 is widened to i16 where the kernel wants that (load8x8_s)
//   2. the run of output column x starts x * strideX * C elements into its row, since NHWC neighbours follow each other
//   3. with groups, or dilation in x, that does not hold: the runs are gathered one by one
// A row is copied kernelHeight / strideY times at most, which is little beside N products with it.
import { ConvParams } from './convparams';

/** Bytes are copied as they are. */
export const COPY_1: i32 = 0;
/** int8 becomes i16. */
export const WIDEN: i32 = 1;
/** 4-byte elements are copied as they are. */
export const COPY_4: i32 = 2;
/** Bytes l become i16, 2l - 255. */
export const CENTER: i32 = 5;
/** The three bytes l of a pixel become four: l - 128 each, and a 1. */
export const LIFT: i32 = 4;

/** Where the runs of a strip lie. */
@unmanaged
export class Runs {
  /** First run of the strip's first output pixel. */
  base: usize;
  /** Bytes from an output pixel's run to that of its right neighbour. */
  pixel: usize;
  /** Bytes from one kernel row to the next. */
  tap: usize;
  /** Bytes from one output row to the next. */
  row: usize;
}

/** One strip's runs: written by layRuns, read by the kernel that called it before the next strip. */
export const RUNS: usize = memory.data(16, 16);

/** Bytes of an element in the runs, as a shift. */
// @ts-ignore: decorator
@inline
function elementShift(mode: i32): usize {
  return <usize>(mode & 3);
}

/** Lays out the runs of group `group` for output pixels from (y, x) on, `rows` by `columns` of them. */
export function layRuns(p: ConvParams, input: usize, width: i32, group: i32, y: i32, x: i32, rows: i32, columns: i32, mode: i32): void {
  const shift = elementShift(mode);
  const size: usize = mode == COPY_4 ? 2 : 0;
  const channels = p.channels / p.groups;
  const depth = channels + i32(ASC_FEATURE_RELAXED_SIMD && mode == LIFT);
  const gather = p.groups != 1 || p.dilationX != 1;
  const inputRows = (rows - 1) * p.strideY + (p.kernelHeight - 1) * p.dilationY + 1;
  const firstRow = y * p.strideY - p.padTop;
  const firstColumn = x * p.strideX - p.padLeft;
  const inputColumns = (columns - 1) * p.strideX + (p.kernelWidth - 1) * p.dilationX + 1;
  const runs = changetype<Runs>(RUNS);
  const lineBytes = <usize>(width * p.channels) << size;

  // Without zeros around it the input itself will do.
  const inside = firstRow >= 0 && firstColumn >= 0 && firstRow + inputRows <= p.height && firstColumn + inputColumns <= width;
  if (shift != 1 && depth == channels && !gather && inside) {
    runs.base = input + <usize>firstRow * lineBytes + (<usize>(firstColumn * channels) << size);
    runs.pixel = <usize>(p.strideX * channels) << size;
    runs.tap = <usize>p.dilationY * lineBytes;
    runs.row = <usize>p.strideY * lineBytes;
    return;
  }
  const rowElements = gather ? columns * p.kernelWidth * depth : inputColumns * depth;
  const rowBytes = <usize>rowElements << shift;
  runs.base = p.rows;
  runs.pixel = <usize>((gather ? p.kernelWidth : p.strideX) * depth) << shift;
  runs.tap = <usize>p.dilationY * rowBytes;
  runs.row = <usize>p.strideY * rowBytes;

  let out = p.rows;
  for (let r = 0; r < inputRows; r++) {
    const iy = firstRow + r;
    if (iy < 0 || iy >= p.height) {
      clear(out, rowBytes);
    } else if (gather) {
      const line = input + <usize>iy * lineBytes + (<usize>(group * channels) << size);
      let to = out;
      for (let c = 0; c < columns; c++) {
        let ix = firstColumn + c * p.strideX;
        for (let k = 0; k < p.kernelWidth; k++) {
          if (ix < 0 || ix >= width) clear(to, <usize>depth << shift);
          else take(to, line + (<usize>(ix * p.channels) << size), channels, mode);
          to += <usize>depth << shift;
          ix += p.dilationX;
        }
      }
    } else {
      const before = min(max(-firstColumn, 0), inputColumns);
      const from = firstColumn + before;
      const count = max(min(width - from, inputColumns - before), 0);
      const start = <usize>(before * depth) << shift;
      const bytes = <usize>(count * depth) << shift;
      clear(out, start);
      take(out + start, input + <usize>iy * lineBytes + (<usize>(from * channels) << size), count * channels, mode);
      clear(out + start + bytes, rowBytes - start - bytes);
    }
    out += rowBytes;
  }
}

/** Writes zeros, up to 7 bytes too many: what follows is written later. Few bytes take less time than a call of memory.fill. */
function clear(out: usize, bytes: usize): void {
  for (const end = out + bytes; out < end; out += 8) store<u64>(out, 0);
}

/** Copies `count` elements. LIFT reads a byte too far. */
function take(out: usize, from: usize, count: i32, mode: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD && mode == LIFT) {
    for (const end = from + <usize>count; from < end; from += 3) {
      store<u32>(out, (load<u32>(from) & 0xffffff) ^ 0x1808080);
      out += 4;
    }
    return;
  }
  if (elementShift(mode) != 1) {
    memory.copy(out, from, <usize>count << elementShift(mode));
    return;
  }
  const end = from + <usize>count;
  if (ASC_FEATURE_SIMD) {
    const top = i16x8.splat(255);
    for (const last = end - 7; from < last && count > 7; from += 8) {
      v128.store(out, mode == WIDEN ? v128.load8x8_s(from) : i16x8.sub(i16x8.shl(v128.load8x8_u(from), 1), top));
      out += 16;
    }
  }
  for (; from < end; from++) {
    store<i16>(out, mode == WIDEN ? <i16>load<i8>(from) : <i16>(<i32>load<u8>(from) * 2 - 255));
    out += 2;
  }
}

/**
 * Joins the i16 runs of all kernel rows that an output pixel sees into one of `patch` bytes, behind the rows of the strip.
 * Up to 14 bytes of a patch's end are whatever follows: the weights there are 0.
 */
export function joinRuns(p: ConvParams, rows: i32, columns: i32, patch: usize): void {
  const runs = changetype<Runs>(RUNS);
  const bytes = <usize>(p.kernelWidth * (p.channels / p.groups)) << 1;
  let to = p.patchRows;
  for (let r = 0; r < rows; r++) {
    let pixel = runs.base + <usize>r * runs.row;
    for (let c = 0; c < columns; c++) {
      let from = pixel;
      let at = to;
      for (let k = 0; k < p.kernelHeight; k++) {
        for (let i: usize = 0; i < bytes; i += 16) v128.store(at + i, v128.load(from + i));
        at += bytes;
        from += runs.tap;
      }
      to += patch;
      pixel += runs.pixel;
    }
  }
  runs.base = p.patchRows;
  runs.pixel = patch;
  runs.row = <usize>columns * patch;
}
