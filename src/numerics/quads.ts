// The weight layouts of int8 and float32 convolutions, once.
//
// `quads`: [G][N/G/8][kernelHeight][run/4][8][4] int8, where run = kernelWidth * C/G elements of one kernel row, taps first,
// channels last. Counts are rounded up and zeros stand where nothing is. 4 elements of a run for 8 output channels are 32
// bytes; every build reads them in place.
//
// `lanes`: [G][N/G/8][kernelHeight][run][8] float32: one element of a run for 8 output channels.
//
// `pairs` (depthwise): [kernelHeight/2][kernelWidth][C][2] int8, C rounded up to 4: two kernel rows side by side.
//
// `columns` (depthwise): [kernelHeight][kernelWidth][C] float32, C rounded up to 4.
import { roundUp } from './bits.js';
import type { ConvGeometry } from './geometry.js';

/** Output channels side by side in `quads` and `lanes`. */
const BLOCK = 8;

/** Calls `put(target index, source index)` for every weight; the source is (N, kernelHeight, kernelWidth, C/G). */
function eachWeight(g: ConvGeometry, unit: number, put: (target: number, source: number) => void): void {
  const groupN = g.n / g.groups;
  const run = (g.kernelWidth * g.channels) / g.groups;
  const units = Math.ceil(run / unit);
  const blocks = Math.ceil(groupN / BLOCK);
  let source = 0;
  for (let n = 0; n < g.n; n++) {
    const group = Math.floor(n / groupN);
    const inGroup = n % groupN;
    const block = group * blocks + Math.floor(inGroup / BLOCK);
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      for (let i = 0; i < run; i++) {
        const row = (block * g.kernelHeight + ky) * units + Math.floor(i / unit);
        put((row * BLOCK + (inGroup % BLOCK)) * unit + (i % unit), source++);
      }
    }
  }
}

function elementsOf(g: ConvGeometry, unit: number): number {
  const run = (g.kernelWidth * g.channels) / g.groups;
  return g.groups * roundUp(g.n / g.groups, BLOCK) * g.kernelHeight * roundUp(run, unit);
}

/** Bytes of weights in the `quads` layout. */
export function quadBytes(g: ConvGeometry): number {
  return elementsOf(g, 4);
}

/** Bytes of weights in the `lanes` layout. */
export function laneBytes(g: ConvGeometry): number {
  return 4 * elementsOf(g, 1);
}

/** Bytes of depthwise weights in the `pairs` layout. */
export function pairBytes(g: ConvGeometry): number {
  return Math.ceil(g.kernelHeight / 2) * g.kernelWidth * roundUp(g.channels, 4) * 2;
}

/** Bytes of depthwise weights in the `columns` layout. */
export function columnBytes(g: ConvGeometry): number {
  return 4 * g.kernelHeight * g.kernelWidth * roundUp(g.channels, 4);
}

/** (N, kernelHeight, kernelWidth, C/G) -> `quads`. */
export function packQuads(values: ArrayLike<number>, g: ConvGeometry): Int8Array {
  const out = new Int8Array(quadBytes(g));
  eachWeight(g, 4, (target, source) => (out[target] = values[source]!));
  return out;
}

/** `quads` -> (N, kernelHeight, kernelWidth, C/G). */
export function unpackQuads(data: ArrayLike<number>, g: ConvGeometry): Int8Array {
  const out = new Int8Array((g.n * g.kernelHeight * g.kernelWidth * g.channels) / g.groups);
  eachWeight(g, 4, (target, source) => (out[source] = data[target]!));
  return out;
}

/** (N, kernelHeight, kernelWidth, C/G) -> `lanes`. */
export function packLanes(values: ArrayLike<number>, g: ConvGeometry): Float32Array {
  const out = new Float32Array(laneBytes(g) / 4);
  eachWeight(g, 1, (target, source) => (out[target] = values[source]!));
  return out;
}

/** `lanes` -> (N, kernelHeight, kernelWidth, C/G). */
export function unpackLanes(data: ArrayLike<number>, g: ConvGeometry): Float32Array {
  const out = new Float32Array((g.n * g.kernelHeight * g.kernelWidth * g.channels) / g.groups);
  eachWeight(g, 1, (target, source) => (out[source] = data[target]!));
  return out;
}

/** Place of weight (ky, kx) of channel c in `pairs`. */
function pairIndex(g: ConvGeometry, ky: number, kx: number, c: number): number {
  return (((ky >> 1) * g.kernelWidth + kx) * roundUp(g.channels, 4) + c) * 2 + (ky & 1);
}

/** Depthwise (C, kernelHeight, kernelWidth, 1) -> `pairs`. */
export function packPairs(values: ArrayLike<number>, g: ConvGeometry): Int8Array {
  const out = new Int8Array(pairBytes(g));
  let i = 0;
  for (let c = 0; c < g.channels; c++) {
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      for (let kx = 0; kx < g.kernelWidth; kx++) out[pairIndex(g, ky, kx, c)] = values[i++]!;
    }
  }
  return out;
}

/** `pairs` -> depthwise (C, kernelHeight, kernelWidth, 1). */
export function unpackPairs(data: ArrayLike<number>, g: ConvGeometry): Int8Array {
  const out = new Int8Array(g.channels * g.kernelHeight * g.kernelWidth);
  let i = 0;
  for (let c = 0; c < g.channels; c++) {
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      for (let kx = 0; kx < g.kernelWidth; kx++) out[i++] = data[pairIndex(g, ky, kx, c)]!;
    }
  }
  return out;
}

/** Depthwise (C, kernelHeight, kernelWidth, 1) -> `columns`. */
export function packColumns(values: ArrayLike<number>, g: ConvGeometry): Float32Array {
  const out = new Float32Array(columnBytes(g) / 4);
  const taps = g.kernelHeight * g.kernelWidth;
  for (let c = 0; c < g.channels; c++) {
    for (let tap = 0; tap < taps; tap++) out[tap * roundUp(g.channels, 4) + c] = values[c * taps + tap]!;
  }
  return out;
}

/** `columns` -> depthwise (C, kernelHeight, kernelWidth, 1). */
export function unpackColumns(data: ArrayLike<number>, g: ConvGeometry): Float32Array {
  const taps = g.kernelHeight * g.kernelWidth;
  const out = new Float32Array(g.channels * taps);
  for (let c = 0; c < g.channels; c++) {
    for (let tap = 0; tap < taps; tap++) out[c * taps + tap] = data[tap * roundUp(g.channels, 4) + c];
  }
  return out;
}
