// Pools of every encoding, one output pixel at a time: the largest numbers (pool.ts has bits and bytes faster), sums and
// means. Taps outside the map have no say.
//
// A channel that gives its smallest number has its numbers' order turned by xor with all ones, float32 by their sign bit.
import { narrow, ROW_FLOAT32, widen } from './rows';

export const WINDOW_LARGEST: i32 = 0;
export const WINDOW_SUM: i32 = 1;
export const WINDOW_MEAN: i32 = 2;

@unmanaged
export class WindowParams {
  /** One of WINDOW_*. */
  operation: i32;
  /** (samples, height, width, channels). */
  input: usize;
  type: i32;
  /** Bytes of one input pixel. */
  pixelBytes: usize;
  height: i32;
  width: i32;
  channels: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  padTop: i32;
  padLeft: i32;
  outHeight: i32;
  outWidth: i32;
  /** (channels) i32: what numbers are xored with before and after they are compared. */
  turns: usize;
  /** (samples, outHeight, outWidth, channels). */
  output: usize;
  outputType: i32;
  outputBytes: usize;
  /** Scratch: a row of 4 bytes a channel, and one of 8. */
  work: usize;
  sums: usize;
}

export function pool_any(params: usize, samples: i32): void {
  const p = changetype<WindowParams>(params);
  let output = p.output;
  let map = p.input;
  for (; samples > 0; samples--) {
    for (let y = 0; y < p.outHeight; y++) {
      for (let x = 0; x < p.outWidth; x++) {
        const top = y * p.strideY - p.padTop;
        const left = x * p.strideX - p.padLeft;
        let taps = 0;
        for (let iy = max(top, 0); iy < min(top + p.kernelHeight, p.height); iy++) {
          for (let ix = max(left, 0); ix < min(left + p.kernelWidth, p.width); ix++) {
            widen(p.type, map + (<usize>iy * p.width + ix) * p.pixelBytes, p.channels, p.work);
            if (p.operation == WINDOW_LARGEST) takeLargest(p, taps == 0);
            else takeSums(p, taps == 0);
            taps++;
          }
        }
        if (p.operation == WINDOW_LARGEST) turnBack(p);
        else divide(p, taps);
        narrow(p.outputType, p.sums, p.channels, output);
        output += p.outputBytes;
      }
    }
    map += <usize>p.height * p.width * p.pixelBytes;
  }
}

function takeLargest(p: WindowParams, first: bool): void {
  for (let i: usize = 0; i < <usize>p.channels << 2; i += 4) {
    const at = p.sums + i;
    const x = load<i32>(p.work + i) ^ load<i32>(p.turns + i);
    if (first) store<i32>(at, x);
    else if (p.type == ROW_FLOAT32) store<f32>(at, max(load<f32>(at), reinterpret<f32>(x)));
    else store<i32>(at, max(load<i32>(at), x));
  }
}

function turnBack(p: WindowParams): void {
  for (let i: usize = 0; i < <usize>p.channels << 2; i += 4) {
    store<i32>(p.sums + i, load<i32>(p.sums + i) ^ load<i32>(p.turns + i));
  }
}

/** Sums of 64 bits: integers, or float64. */
function takeSums(p: WindowParams, first: bool): void {
  for (let i: usize = 0; i < <usize>p.channels; i++) {
    const at = p.sums + (i << 3);
    const from = p.work + (i << 2);
    if (p.type == ROW_FLOAT32) store<f64>(at, (first ? 0 : load<f64>(at)) + load<f32>(from));
    else store<i64>(at, (first ? 0 : load<i64>(at)) + load<i32>(from));
  }
}

/** Sums to results of 32 bits, at the start of the same memory. Means: floor(sum / taps + 1/2). */
function divide(p: WindowParams, taps: i32): void {
  for (let i: usize = 0; i < <usize>p.channels; i++) {
    const at = p.sums + (i << 3);
    const to = p.sums + (i << 2);
    if (p.type == ROW_FLOAT32) {
      store<f32>(to, <f32>(load<f64>(at) / <f64>taps));
    } else {
      let sum = load<i64>(at);
      if (p.operation == WINDOW_MEAN) {
        const twice = <i64>taps * 2;
        const above = 2 * sum + taps;
        sum = above / twice - i64(above % twice < 0);
      }
      store<i32>(to, <i32>sum);
    }
  }
}
