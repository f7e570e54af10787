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

/** Arrangements of weights by element, with zeros where nothing is. */
export type WeightLayout = 'quads' | 'lanes' | 'pairs' | 'columns';

/** `unit`: elements of a run side by side, or kernel rows of a depthwise layout. */
const FORMS = {
  quads: { elements: Int8Array, depthwise: false, unit: 4 },
  lanes: { elements: Float32Array, depthwise: false, unit: 1 },
  pairs: { elements: Int8Array, depthwise: true, unit: 2 },
  columns: { elements: Float32Array, depthwise: true, unit: 1 },
} as const;

/** Output channels side by side in `quads` and `lanes`. */
const BLOCK = 8;

/** Calls `put(target index, source index)` for every weight; the source is (N, kernelHeight, kernelWidth, C/G). */
export function eachWeight(layout: WeightLayout, g: ConvGeometry, put: (target: number, source: number) => void): void {
  const { depthwise, unit } = FORMS[layout];
  const { kernelHeight, kernelWidth } = g;
  const groupN = g.n / g.groups;
  const run = (kernelWidth * g.channels) / g.groups;
  const units = Math.ceil(run / unit);
  const blocks = Math.ceil(groupN / BLOCK);
  const row = roundUp(g.channels, 4);
  let source = 0;
  for (let n = 0; n < g.n; n++) {
    const inGroup = n % groupN;
    const block = Math.floor(n / groupN) * blocks + Math.floor(inGroup / BLOCK);
    for (let ky = 0; ky < kernelHeight; ky++) {
      for (let i = 0; i < run; i++) {
        const target = depthwise
          ? ((Math.floor(ky / unit) * kernelWidth + i) * row + n) * unit + (ky % unit)
          : (((block * kernelHeight + ky) * units + Math.floor(i / unit)) * BLOCK + (inGroup % BLOCK)) * unit +
            (i % unit);
        put(target, source++);
      }
    }
  }
}

/** Elements of the layout, those that are empty included. */
function lengthOf(layout: WeightLayout, g: ConvGeometry): number {
  const { depthwise, unit } = FORMS[layout];
  if (depthwise) return roundUp(g.kernelHeight, unit) * g.kernelWidth * roundUp(g.channels, 4);
  const run = (g.kernelWidth * g.channels) / g.groups;
  return g.groups * roundUp(g.n / g.groups, BLOCK) * g.kernelHeight * roundUp(run, unit);
}

/** Bytes of weights in a layout. */
export function weightBytes(layout: WeightLayout, g: ConvGeometry): number {
  return FORMS[layout].elements.BYTES_PER_ELEMENT * lengthOf(layout, g);
}

/** (N, kernelHeight, kernelWidth, C/G) -> the layout. */
export function packWeights(
  layout: WeightLayout,
  values: ArrayLike<number>,
  g: ConvGeometry,
): Int8Array | Float32Array {
  const out = new FORMS[layout].elements(lengthOf(layout, g));
  eachWeight(layout, g, (target, source) => (out[target] = values[source]!));
  return out;
}

/** The layout -> (N, kernelHeight, kernelWidth, C/G). */
export function unpackWeights(
  layout: WeightLayout,
  data: ArrayLike<number>,
  g: ConvGeometry,
): Int8Array | Float32Array {
  const out = new FORMS[layout].elements((g.n * g.kernelHeight * g.kernelWidth * g.channels) / g.groups);
  eachWeight(layout, g, (target, source) => (out[source] = data[target]!));
  return out;
}
