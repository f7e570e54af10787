// int8 and float32 convolutions: from geometry and addresses to the call of a kernel, as plain data.
import { roundUp } from '../numerics/bits.js';
import { type ConvGeometry, outHeight, outWidth } from '../numerics/geometry.js';
import { slideOf } from './params.js';

/** Fields of a convolution's parameter block, in the order of assembly/convparams.ts, 4 bytes each. */
export const CONV_FIELDS = [
  'input',
  'inputStride',
  'height',
  'width',
  'channels',
  'kernelHeight',
  'kernelWidth',
  'strideY',
  'strideX',
  'dilationY',
  'dilationX',
  'padTop',
  'padLeft',
  'groups',
  'n',
  'outHeight',
  'outWidth',
  'weights',
  'elements',
  'patches',
  'stripRows',
  'stripColumns',
  'rows',
  'patchRows',
  'accumulators',
  'finish',
  'bias',
  'clampMin',
  'clampMax',
  'output',
  'outputStride',
] as const;

export type ConvParams = Readonly<Record<(typeof CONV_FIELDS)[number], number>>;

/** What becomes of int32 accumulators, as planFinish writes it down. */
export interface Finish {
  /** Address of the parameter block. */
  readonly block: number;
  /** Bytes of an output pixel. */
  readonly rowBytes: number;
}

/**
 * What int8 kernels read: int8; levels of 0 .. 127; in SIMD builds, centered bytes l that stand for 2l - 255; in relaxed
 * ones, those with lifted weights.
 */
export type Elements = keyof typeof ELEMENTS;

export interface Int8Options {
  /** Default: int8. */
  readonly elements?: Elements;
  /** Whether weights are patches, which SIMD builds alone have: int16 `quads` of the geometry of a patch. */
  readonly patches?: boolean;
}

export interface ConvAddresses {
  readonly input: number;
  readonly weights: number;
  readonly output: number;
  /** ConvCall.scratchBytes of them. */
  readonly scratch: number;
}

export type ConvKernel = 'conv_i8' | 'depthwise_i8' | 'conv_f32' | 'depthwise_f32';

export interface ConvCall {
  readonly kernel: ConvKernel;
  readonly params: ConvParams;
  readonly scratchBytes: number;
}

const ELEMENTS = { int8: 0, levels: 1, centered: 2, lifted: 3 } as const;

/** Bytes of input that a strip should not exceed: most of an L1 cache, beside 8 channels' weights. */
const STRIP_BYTES = 24 * 1024;
/** Output pixels that a strip should have, so that the weights are not read too often. */
const STRIP_PIXELS = 24;

/** Whether the depthwise kernels take a convolution: one input channel and one output channel a group. */
export function isDepthwise(g: ConvGeometry): boolean {
  return g.groups > 1 && g.groups === g.channels && g.n === g.channels;
}

/** A patch as the geometry of its weights: the taps of all kernel rows are one run. */
export function patchOf(g: ConvGeometry): ConvGeometry {
  return { ...g, kernelHeight: 1, kernelWidth: g.kernelHeight * g.kernelWidth };
}

/** Elements of a patch beyond which its weights would crowd an L1 cache. */
const PATCH_ELEMENTS = 256;
/** Output channels of a group from which on fewer operations a quad, 4 instead of 4.5, repay the copies of 16 bytes. */
const PATCH_OUTPUTS = 16;

/** Whether SIMD kernels are quicker with joined runs and i16 weights. They take four columns at a time. */
export function prefersPatches(g: ConvGeometry): boolean {
  const elements = (g.kernelHeight * g.kernelWidth * g.channels) / g.groups;
  return elements <= PATCH_ELEMENTS && g.n / g.groups >= PATCH_OUTPUTS && outWidth(flat(g)) > 3;
}

/**
 * Whether the relaxed build takes pixels of three bytes l as l - 128 times weights of 7 bits, whose sums have to fit 16 bits.
 *
 * @param span from the least to the largest weight
 */
export function isLiftable(g: ConvGeometry, span: number): boolean {
  const rgb = g.channels === 3 && g.strideX * g.dilationX * g.groups === 1;
  return rgb && g.kernelWidth > 1 && outWidth(g) > 3 && span * g.kernelHeight * g.kernelWidth < 64;
}

/** Lifted weights as a geometry: a channel more, and a block of 8 output channels of weights 0 behind the others. */
export function liftedOf(g: ConvGeometry): ConvGeometry {
  return { ...g, channels: 4, n: roundUp(g.n, 8) + 8 };
}

/**
 * Weights w as u = 2(w - low), and the sum of w - low over the channels of a tap. With bytes a = l - 128 and 1 for the taps
 * inside, sum(u a) + sum(w - low) = sum((w - low)(2l - 255)); less the same for weights 0, that is sum(w (2l - 255)).
 *
 * @param lifted see liftedOf
 */
export function liftWeights(values: ArrayLike<number>, low: number, lifted: ConvGeometry): number[] {
  const above = (i: number): number => (values[i] ?? 0) - low;
  const { n, kernelHeight, kernelWidth } = lifted;
  return Array.from({ length: n * kernelHeight * kernelWidth }, (_, i) => {
    const [a, b, c] = [above(3 * i), above(3 * i + 1), above(3 * i + 2)];
    return [2 * a, 2 * b, 2 * c, a + b + c];
  }).flat();
}

/** How many output rows and columns are computed together, and the bytes their input takes. */
function strips(
  g: ConvGeometry,
  elementBytes: number,
  patches: boolean,
): { rows: number; columns: number; bytes: number } {
  const gather = g.groups !== 1 || g.dilationX !== 1;
  const [height, width] = [outHeight(g), outWidth(g)];
  const groupChannels = g.channels / g.groups;
  const bytesOf = (rows: number, columns: number): number => {
    const inputRows = (rows - 1) * g.strideY + (g.kernelHeight - 1) * g.dilationY + 1;
    const elements = gather
      ? columns * g.kernelWidth * groupChannels
      : ((columns - 1) * g.strideX + g.kernelWidth) * g.channels;
    return inputRows * elements * elementBytes;
  };
  // What the product reads: rows shared by neighbours, or a patch for every pixel.
  const patchBytes = ((g.kernelHeight * g.kernelWidth * groupChannels + 3) & ~3) * elementBytes;
  const readBytes = (rows: number, columns: number): number =>
    patches ? rows * columns * patchBytes : bytesOf(rows, columns);
  let columns = width;
  while (columns > 8 && readBytes(1, columns) > STRIP_BYTES) columns = roundUp(columns / 2, 4);
  let rows = 1;
  if (columns === width) {
    while (rows < height && (rows + 1) * columns <= STRIP_PIXELS && readBytes(rows + 1, columns) <= 2 * STRIP_BYTES)
      rows++;
  }
  return { rows, columns, bytes: bytesOf(rows, columns) };
}

/** A 1x1 convolution that moves pixel by pixel sees a map as one row. */
function flat(g: ConvGeometry): ConvGeometry {
  const pointwise = g.kernelHeight === 1 && g.kernelWidth === 1 && g.strideY === 1 && g.strideX === 1;
  if (!pointwise || g.padTop || g.padBottom || g.padLeft || g.padRight) return g;
  return { ...g, height: 1, width: g.height * g.width, dilationY: 1, dilationX: 1 };
}

/** Bytes of one pixel's accumulators: see accumulatorRow in assembly/convparams.ts. */
function accumulatorRow(n: number): number {
  return 4 * ((n + 15) & ~7);
}

/** Float32 value -> the integer with its bits. */
export function floatBits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0];
}

function call(
  kernel: ConvKernel,
  geometry: ConvGeometry,
  samples: number,
  at: ConvAddresses,
  /** Of an element of the input, of one in a run, and of an output pixel. */
  bytes: { input: number; run: number; outputRow: number },
  rest: Pick<ConvParams, 'elements' | 'patches' | 'finish' | 'bias' | 'clampMin' | 'clampMax'>,
): ConvCall {
  const depthwise = kernel.startsWith('depthwise');
  const g = depthwise ? geometry : flat(geometry);
  const [height, width] = [outHeight(g), outWidth(g)];
  // Samples of one-row maps are laid side by side by the kernel: the strip may then be wider than one sample.
  const side = g.height === 1 && height === 1 && g.width === width && g.kernelWidth === 1 ? samples : 1;
  const {
    rows,
    columns,
    bytes: runBytes,
  } = depthwise ? depthwiseStrip(g, bytes.run) : strips({ ...g, width: g.width * side }, bytes.run, rest.patches !== 0);
  const rowBytes = roundUp(runBytes + 64, 16);
  const patch = (g.kernelHeight * g.kernelWidth * g.channels) / g.groups;
  const patchBytes = rest.patches ? roundUp(rows * columns * roundUp(patch, 4) * 2 + 64, 16) : 0;
  const params: ConvParams = {
    input: at.input,
    inputStride: g.height * g.width * g.channels * bytes.input,
    height: g.height,
    width: g.width,
    channels: g.channels,
    ...slideOf(g),
    groups: g.groups,
    n: g.n,
    outHeight: height,
    outWidth: width,
    weights: at.weights,
    elements: rest.elements,
    patches: rest.patches,
    stripRows: rows,
    stripColumns: columns,
    rows: at.scratch,
    patchRows: at.scratch + rowBytes,
    accumulators: at.scratch + rowBytes + patchBytes,
    finish: rest.finish,
    bias: rest.bias,
    clampMin: rest.clampMin,
    clampMax: rest.clampMax,
    output: at.output,
    outputStride: height * width * bytes.outputRow,
  };
  return { kernel, params, scratchBytes: rowBytes + patchBytes + rows * columns * accumulatorRow(g.n) + 64 };
}

/** Depthwise kernels take one output row at a time: its input rows side by side, C rounded up to 8. */
function depthwiseStrip(g: ConvGeometry, runBytes: number): { rows: number; columns: number; bytes: number } {
  const columns = (outWidth(g) - 1) * g.strideX + (g.kernelWidth - 1) * g.dilationX + 1;
  return { rows: 1, columns: 1, bytes: roundUp(g.kernelHeight, 2) * columns * roundUp(g.channels, 8) * runBytes };
}

/**
 * Plans an int8 convolution or dense layer (denseGeometry).
 *
 * @param samples the most that one call will get
 */
export function planConvInt8(
  geometry: ConvGeometry,
  samples: number,
  at: ConvAddresses,
  finish: Finish,
  { elements = 'int8', patches = false }: Int8Options = {},
): ConvCall {
  return call(
    isDepthwise(geometry) ? 'depthwise_i8' : 'conv_i8',
    geometry,
    samples,
    at,
    { input: 1, run: 2, outputRow: finish.rowBytes },
    {
      elements: ELEMENTS[elements],
      patches: patches ? 1 : 0,
      finish: finish.block,
      bias: 0,
      clampMin: 0,
      clampMax: 0,
    },
  );
}

/**
 * Plans a float32 convolution or dense layer (denseGeometry).
 *
 * @param samples the most that one call will get
 * @param bias address of (N) float32, 0 = none
 * @param clamp range of the results, as of a ReLU
 */
export function planConvFloat32(
  geometry: ConvGeometry,
  samples: number,
  at: ConvAddresses,
  bias: number,
  clamp: { readonly min: number; readonly max: number } = { min: -Infinity, max: Infinity },
): ConvCall {
  return call(
    isDepthwise(geometry) ? 'depthwise_f32' : 'conv_f32',
    geometry,
    samples,
    at,
    { input: 4, run: 4, outputRow: 4 * geometry.n },
    {
      elements: 0,
      patches: 0,
      finish: 0,
      bias,
      clampMin: floatBits(clamp.min),
      clampMax: floatBits(clamp.max),
    },
  );
}
