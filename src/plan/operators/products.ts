// Dense layers, convolutions and transposed convolutions: which kernel takes the encodings of input and weights, and which
// of its transforms stands for the node's. A transform that the kernel does not have runs over its sums afterwards.
import { largestSize, type TensorType, valueRange } from '../../model/graph.js';
import { FLOAT32, INT32 } from '../../model/operators/rules.js';
import type { Transform } from '../../model/operators/transforms.js';
import { unpackConstant } from '../../model/values.js';
import { roundUp } from '../../numerics/bits.js';
import { type ConvGeometry, denseGeometry, outHeight, outWidth } from '../../numerics/geometry.js';
import { packWeights, weightBytes } from '../../numerics/quads.js';
import { type AnyParams, rowType } from '../fields.js';
import { planFinish, productTransform } from '../finish.js';
import {
  type Elements,
  isDepthwise,
  isLiftable,
  liftedOf,
  liftWeights,
  patchOf,
  planConvFloat32,
  planConvInt8,
  prefersPatches,
  type Finish,
} from '../i8.js';
import type { Call, Layout, NodeOf, Scratch } from '../layout.js';
import { slideOf } from '../params.js';
import { planProduct, type ProductTransform } from '../product.js';
import { planRows, rowBytes, rowsOf } from '../rows.js';

type ProductNode = NodeOf<'dense'> | NodeOf<'conv2d'> | NodeOf<'convTranspose2d'>;

/** A product of activations in memory with weights of the graph. */
export interface Product {
  readonly geometry: ConvGeometry;
  /** (height, width) of the output of a transposed convolution, whose geometry is that of its input. */
  readonly transposed?: readonly [number, number];
  readonly type: TensorType;
  readonly input: number;
  /** Index of a constant. */
  readonly weights: number;
  readonly padValue: number;
}

/** Planes of signs by k-bit numbers; int8 by int8; float32 by float32; any encoding. */
type Kernel = 'planes' | 'int8' | 'float32' | 'any';

export function planDense(layout: Layout, node: NodeOf<'dense'>): void {
  const [n, k] = layout.graph.constants[node.operator.weights].shape as [number, number];
  planLayer(layout, node, denseGeometry(k, n), 0);
}

export function planConv2d(layout: Layout, node: NodeOf<'conv2d'>): void {
  planLayer(layout, node, windowOf(layout, node, node.operator.groups), node.operator.padValue);
}

export function planConvTranspose2d(layout: Layout, node: NodeOf<'convTranspose2d'>): void {
  const [height, width] = layout.output(node).tensor.shape as [number, number];
  planLayer(layout, node, windowOf(layout, node, 1), 0, [height, width]);
}

function windowOf(layout: Layout, node: NodeOf<'conv2d'> | NodeOf<'convTranspose2d'>, groups: number): ConvGeometry {
  const { operator } = node;
  const [height, width, channels] = layout.input(node).tensor.shape as [number, number, number];
  const [n, kernelHeight, kernelWidth] = layout.graph.constants[operator.weights].shape;
  // With all else that an operator has, and nobody asks of a geometry.
  return { ...operator, height, width, channels, kernelHeight, kernelWidth, groups, n };
}

function planLayer(
  layout: Layout,
  node: ProductNode,
  geometry: ConvGeometry,
  padValue: number,
  transposed?: readonly [number, number],
): void {
  const { weights, transform } = node.operator;
  const { tensor, place } = layout.input(node);
  const output = layout.output(node);
  const product: Product = {
    ...{ geometry, type: tensor, input: place.address, weights, padValue },
    ...(transposed && { transposed }),
  };
  const scratch = layout.scratch();
  const kernel = kernelOf(layout, product);
  const residual = node.inputs.length > 1 ? layout.input(node, 1) : undefined;
  const rows = rowsOf(output);
  const sums = { float: tensor.encoding === 'float32', n: geometry.n, largest: largestSum(layout, product) };
  let own = transform === undefined ? {} : ownTransform(layout, kernel, transform, geometry.n);
  if (own === undefined && (kernel === 'planes' || kernel === 'int8')) {
    const block = planFinish(layout, transform, sums, rows, scratch, residual);
    const int8 = { block, rowBytes: rowBytes(output.tensor, geometry.n) };
    own = { planes: { kind: 'finish', ...int8 }, int8 };
  }
  if (own !== undefined) {
    layout.run(node, planCall(layout, product, output.place.address, layout.batch, scratch, own));
    return;
  }
  const [height, width] = transposed ?? [outHeight(geometry), outWidth(geometry)];
  const address = scratch.take(4 * layout.batch * height * width * geometry.n);
  layout.run(node, planCall(layout, product, address, layout.batch, scratch));
  const finish = planFinish(layout, transform, sums, rows, scratch, residual);
  planRows(
    layout,
    node,
    {
      operation: 'finish',
      shape: [height, width, geometry.n],
      input: { type: sums.float ? FLOAT32 : INT32, address },
      output: rows,
      whole: true,
      fields: { finish },
    },
    scratch,
  );
}

function kernelOf(layout: Layout, { geometry, transposed, type, weights: index, padValue }: Product): Kernel {
  const weights = layout.graph.constants[index];
  if (transposed !== undefined) return 'any';
  if (type.encoding === 'float32') return padValue === 0 ? 'float32' : 'any';
  const levels = type.encoding === 'levels';
  const leveled = levels || (type.encoding === 'centered' && [1, 2, 3, 4, 8].includes(type.bits));
  // Without SIMD, weights that bits meet are turned over in place: nobody else may read them.
  const alone = layout.choice.simd || type.bits > 1 || layout.uses(index) === 1;
  const small = weights.encoding !== 'float32' && valueRange(weights)[1] <= 127;
  const bytes = layout.choice.simd && type.encoding === 'centered' && type.bits === 8 && padValue === 0;
  if (bytes && small && !isDepthwise(geometry) && inputsOf(geometry) <= CENTERED_INPUTS) {
    if (weights.layout !== 'blocks16' || fewInputs(geometry, weights.bits)) return 'int8';
  }
  if (weights.layout === 'blocks16' && leveled && (padValue === 0 || padValue === 1) && alone) return 'planes';
  const signed = type.encoding === 'int8' || (levels && type.bits <= 7);
  return signed && small && padValue === 0 ? 'int8' : 'any';
}

/**
 * Whether bytes that stand for centered numbers meet so few weights that dot products beat tables, which take a quarter of
 * the vector operations a plane but have to be built, and widened at the end of a block.
 */
function fewInputs(g: ConvGeometry, planes: number): boolean {
  return outHeight(g) * outWidth(g) > 1 && inputsOf(g) * Math.ceil(g.n / 16) < FEW_WEIGHTS * planes;
}

/** Inputs by blocks of 16 outputs. */
const FEW_WEIGHTS = 450;

/** Inputs of one output: 2^31 is not reached by as many products of -255 .. 255 and -128 .. 127. */
const CENTERED_INPUTS = 65535;

/** What no sum exceeds in size. */
function largestSum(layout: Layout, { geometry, type, weights }: Product): number {
  return inputsOf(geometry) * largestSize(type) * largestSize(layout.graph.constants[weights]);
}

function inputsOf(g: ConvGeometry): number {
  return (g.kernelHeight * g.kernelWidth * g.channels) / g.groups;
}

/** What the product kernels have of their own of a transform. */
interface OwnTransform {
  readonly planes?: ProductTransform;
  readonly int8?: Finish;
  /** What is added to the sums, and the range of the results. */
  readonly float32?: { readonly bias: number; readonly clamp: { readonly min: number; readonly max: number } };
}

function ownTransform(layout: Layout, kernel: Kernel, transform: Transform, n: number): OwnTransform | undefined {
  if (kernel === 'float32') {
    if (transform.kind !== 'floatAffine' || !isOne(layout, transform.multipliers)) return undefined;
    const { biases, minimum = -Infinity, maximum = Infinity } = transform;
    return { float32: { bias: layout.constant(biases), clamp: { min: minimum, max: maximum } } };
  }
  const planes = kernel === 'planes' && productTransform(layout, transform, n);
  return planes ? { planes } : undefined;
}

/** Whether a float32 constant is 1 throughout. */
function isOne(layout: Layout, index: number): boolean {
  return unpackConstant(layout.graph.constants[index]).every((value) => value === 1);
}

/**
 * The call of a kernel that computes a product.
 *
 * @param output where its sums go, int32 or float32, or what `own` makes of them
 * @param samples the most that one call will get
 */
export function planCall(
  layout: Layout,
  product: Product,
  output: number,
  samples: number,
  scratch: Scratch,
  own?: OwnTransform,
): Call {
  switch (kernelOf(layout, product)) {
    case 'planes':
      return planPlanes(layout, product, output, scratch, own?.planes ?? { kind: 'int32' });
    case 'int8':
      return planInt8(
        layout,
        product,
        output,
        samples,
        scratch,
        own?.int8 ?? asTheyAre(layout, product, output, scratch),
      );
    case 'float32':
      return planFloat32(layout, product, output, samples, scratch, own?.float32);
    case 'any':
      return planAny(layout, product, output, scratch);
  }
}

/** Packed bits and k-bit levels by planes of signs. */
function planPlanes(
  layout: Layout,
  product: Product,
  output: number,
  scratch: Scratch,
  transform: ProductTransform,
): Call {
  const { type, geometry, padValue } = product;
  const weights = layout.graph.constants[product.weights];
  const levels = type.encoding === 'levels';
  // Levels of 1 bit count like some of 2 bits, levels of 5 to 7 bits like some of 8.
  const bits = levels ? (type.bits > 4 ? 8 : Math.max(type.bits, 2)) : type.bits;
  const layer = {
    geometry,
    activations: { encoding: levels ? 'levels' : 'centered', bits },
    weights: { encoding: weights.encoding as 'centered' | 'ternary', bits: weights.bits },
    padValue: padValue as 0 | 1,
    transform,
  } as const;
  const at = {
    input: product.input,
    weights: layout.constant(product.weights),
    output,
    scratch: scratch.end,
    // Where the bytes will be that the call turns out to need.
    prepared: layout.prepared(0),
  };
  const call = planProduct(layer, at, layout.choice);
  layout.prepared(call.preparedBytes);
  scratch.take(call.scratchBytes);
  const block = layout.block(call.params);
  if (call.prepare !== undefined) layout.prepare({ kernel: call.prepare, block });
  return { kernel: call.kernel, block };
}

/** Sums that nothing becomes of. */
function asTheyAre(layout: Layout, { geometry: { n } }: Product, address: number, scratch: Scratch): Finish {
  const rows = { type: INT32, address };
  return { block: planFinish(layout, undefined, { float: false, n }, rows, scratch), rowBytes: 4 * n };
}

/** int8, and levels that look like it, by int8 weights: those of the file, or others brought to their layout. */
function planInt8(
  layout: Layout,
  product: Product,
  output: number,
  samples: number,
  scratch: Scratch,
  finish: Finish,
): Call {
  const { type, geometry, input } = product;
  const constant = layout.graph.constants[product.weights];
  const [low, high] = valueRange(constant);
  const lifted = layout.choice.relaxed && type.encoding === 'centered' && isLiftable(geometry, high - low);
  const elements = lifted ? 'lifted' : (type.encoding as Elements);
  const patches = layout.choice.simd && !lifted && elements !== 'levels' && prefersPatches(geometry);
  const form = isDepthwise(geometry) ? 'pairs' : 'quads';
  const shape = lifted ? liftedOf(geometry) : patches ? patchOf(geometry) : geometry;
  const weights =
    constant.encoding === 'int8' && shape === geometry
      ? layout.constant(product.weights)
      : layout.made(weightBytes(form, shape) << +patches, () => {
          const values = unpackConstant(constant);
          const packed = packWeights(form, lifted ? liftWeights(values, low, shape) : values, shape);
          return new Uint8Array((patches ? Int16Array.from(packed) : packed).buffer);
        });
  const at = { input, weights, output, scratch: scratch.end };
  const call = planConvInt8(geometry, samples, at, finish, { elements, patches });
  scratch.take(call.scratchBytes);
  return { kernel: call.kernel, block: layout.block(call.params) };
}

function planFloat32(
  layout: Layout,
  product: Product,
  output: number,
  samples: number,
  scratch: Scratch,
  own: OwnTransform['float32'],
): Call {
  const at = { input: product.input, weights: layout.constant(product.weights), output, scratch: scratch.end };
  const call = planConvFloat32(product.geometry, samples, at, own?.bias ?? 0, own?.clamp);
  scratch.take(call.scratchBytes);
  return { kernel: call.kernel, block: layout.block(call.params) };
}

/** Everything else, pixel by pixel. */
function planAny(layout: Layout, product: Product, output: number, scratch: Scratch): Call {
  const { geometry: g, transposed, type } = product;
  const constant = layout.graph.constants[product.weights];
  const float = type.encoding === 'float32';
  const unit = float ? 4 : 2;
  const row = roundUp((g.kernelHeight * g.kernelWidth * g.channels) / g.groups, 8);
  const rows = g.groups * roundUp(g.n / g.groups, 4);
  const weights = layout.made(rows * row * unit, () => {
    const out = float ? new Float32Array(rows * row) : new Int16Array(rows * row);
    const values = unpackConstant(constant);
    const length = values.length / g.n;
    const perGroup = g.n / g.groups;
    for (let n = 0; n < g.n; n++) {
      const at = Math.floor(n / perGroup) * roundUp(perGroup, 4) + (n % perGroup);
      out.set(values.subarray(n * length, (n + 1) * length), at * row);
    }
    return new Uint8Array(out.buffer);
  });
  const params: AnyParams = {
    input: product.input,
    type: rowType(type),
    pixelBytes: rowBytes(type, g.channels),
    float: float ? 1 : 0,
    height: g.height,
    width: g.width,
    channels: g.channels,
    ...slideOf(g),
    padValue: product.padValue,
    groups: g.groups,
    n: g.n,
    outHeight: transposed?.[0] ?? outHeight(g),
    outWidth: transposed?.[1] ?? outWidth(g),
    transposed: transposed ? 1 : 0,
    weights,
    wide: float ? 0 : scratch.take(2 * g.height * g.width * g.channels),
    patch: scratch.take(row * unit),
    output,
  };
  return { kernel: 'product_any', block: layout.block(params) };
}
