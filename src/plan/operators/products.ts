// Dense layers and convolutions: which product kernel takes the encodings of input and weights, and which of its transforms
// stands for the node's.
import { type Constant, elements, type Tensor } from '../../model/graph.js';
import type { Transform } from '../../model/operators/transforms.js';
import { type ConvGeometry, denseGeometry } from '../../numerics/geometry.js';
import { CONV_FIELDS, planConvFloat32, planConvInt8, type Requantize } from '../i8.js';
import { type Layout, type NodeOf, unsupported } from '../layout.js';
import { PRODUCT_FIELDS } from '../params.js';
import { planProduct, type ProductLayer, type ProductTransform } from '../product.js';

type ProductNode = NodeOf<'dense'> | NodeOf<'conv2d'>;

export function planDense(layout: Layout, node: NodeOf<'dense'>): void {
  const [n, k] = layout.graph.constants[node.operator.weights].shape as [number, number];
  planLayer(layout, node, denseGeometry(k, n), 0);
}

export function planConv2d(layout: Layout, node: NodeOf<'conv2d'>): void {
  const { operator } = node;
  const [height, width, channels] = layout.input(node).tensor.shape as [number, number, number];
  const [n, kernelHeight, kernelWidth] = layout.graph.constants[operator.weights].shape;
  const { strideY, strideX, dilationY, dilationX, padTop, padLeft, padBottom, padRight, groups } = operator;
  const window = { kernelHeight, kernelWidth, strideY, strideX, dilationY, dilationX };
  const pads = { padTop, padLeft, padBottom, padRight };
  planLayer(layout, node, { height, width, channels, ...window, ...pads, groups, n }, operator.padValue);
}

function planLayer(layout: Layout, node: ProductNode, geometry: ConvGeometry, padValue: number): void {
  const { tensor } = layout.input(node);
  const weights = layout.graph.constants[node.operator.weights];
  if (weights.layout === 'blocks16') return planPlanes(layout, node, geometry, padValue, tensor, weights);
  if (padValue !== 0) throw unsupported(node, `padding with ${padValue} beside ${weights.encoding} weights`);
  if (weights.encoding === 'int8') return planInt8(layout, node, geometry, tensor);
  if (weights.encoding === 'float32') return planFloat32(layout, node, geometry);
  throw unsupported(node, `${weights.encoding} weights`);
}

/** Packed bits and k-bit levels by planes of signs. */
function planPlanes(
  layout: Layout,
  node: ProductNode,
  geometry: ConvGeometry,
  padValue: number,
  input: Tensor,
  weights: Constant,
): void {
  const { encoding, bits } = input;
  const leveled = encoding === 'centered' || (encoding === 'levels' && bits > 1);
  const outside = padValue === 0 || padValue === 1 ? padValue : undefined;
  if (!leveled || ![1, 2, 3, 4, 8].includes(bits) || outside === undefined) {
    throw unsupported(node, `an input of ${encoding} ${bits}-bit beside ${weights.encoding} weights`);
  }
  const layer: ProductLayer = {
    geometry,
    activations: { encoding, bits },
    weights: { encoding: weights.encoding as 'centered' | 'ternary', bits: weights.bits },
    padValue: outside,
    transform: productTransform(layout, node, geometry.n),
  };
  const at = {
    input: layout.input(node).place.address,
    weights: layout.constant(node.operator.weights),
    output: layout.output(node).place.address,
    scratch: layout.scratch,
    prepared: 0,
  };
  const { preparedBytes } = planProduct(layer, at, layout.choice);
  const call = planProduct(layer, { ...at, prepared: layout.prepared(preparedBytes) }, layout.choice);
  layout.needScratch(call.scratchBytes);
  const block = layout.block(PRODUCT_FIELDS, call.params);
  if (call.prepare !== undefined) layout.prepare(call.prepare, block, node.operator.weights);
  layout.step(node, call.kernel, block);
}

function productTransform(layout: Layout, node: ProductNode, n: number): ProductTransform {
  const { transform } = node.operator;
  switch (transform?.kind) {
    case undefined:
      return { kind: 'int32' };
    case 'threshold':
      return { kind: 'bits', thresholds: layout.constant(transform.thresholds) };
    case 'multiThreshold': {
      const thresholds = layout.graph.constants[transform.thresholds];
      return {
        kind: 'levels',
        thresholds: layout.constant(transform.thresholds),
        count: elements(thresholds.shape) / n,
      };
    }
    case 'integerAffine': {
      const { multipliers, biases } = transform;
      return { kind: 'affine', multipliers: layout.constant(multipliers), biases: layout.constant(biases) };
    }
    default: {
      const requantize = requantization(layout, node, transform);
      const at = { input: 0, weights: 0, output: 0, scratch: 0 };
      const { params } = planConvInt8(denseGeometry(1, n), 1, at, requantize);
      const block = layout.block(CONV_FIELDS, params);
      return { kind: 'requantize', block, bytes: requantize.kind === 'int8' ? 1 : 4 };
    }
  }
}

/** The transforms that int8 products have of their own. */
function requantization(layout: Layout, node: ProductNode, transform: Transform | undefined): Requantize {
  const { tensor: output } = layout.output(node);
  if (transform === undefined) return { kind: 'int32', bias: 0 };
  if (transform.kind === 'floatAffine' && transform.minimum === undefined && transform.maximum === undefined) {
    const { biases, multipliers } = transform;
    return { kind: 'float32', bias: layout.constant(biases), scales: layout.constant(multipliers) };
  }
  if (transform.kind === 'requantize' && output.encoding === 'int8' && transform.residualMultiplier === undefined) {
    const { biases, multipliers, shift, minimum = -128, maximum = 127 } = transform;
    return {
      kind: 'int8',
      bias: layout.constant(biases),
      multipliers: layout.constant(multipliers),
      // The kernel shifts right by 32 + shift at least; two bits more on the left stand for 30.
      left: shift < 32 ? 32 - shift : 0,
      shift: shift < 32 ? 0 : shift - 32,
      min: Math.max(-128, minimum),
      max: Math.min(127, maximum),
    };
  }
  throw unsupported(node, `the transform ${transform.kind} to ${output.encoding}`);
}

function planInt8(layout: Layout, node: ProductNode, geometry: ConvGeometry, input: Tensor): void {
  const bytes = input.encoding === 'int8' || (input.encoding === 'levels' && input.bits <= 7);
  if (!bytes) throw unsupported(node, `an input of ${input.encoding} beside int8 weights`);
  const call = planConvInt8(
    geometry,
    layout.batch,
    addresses(layout, node),
    requantization(layout, node, node.operator.transform),
    input.encoding === 'levels',
  );
  layout.needScratch(call.scratchBytes);
  layout.step(node, call.kernel, layout.block(CONV_FIELDS, call.params));
}

function planFloat32(layout: Layout, node: ProductNode, geometry: ConvGeometry): void {
  const { transform } = node.operator;
  if (transform !== undefined && !(transform.kind === 'floatAffine' && isOne(layout, transform.multipliers))) {
    throw unsupported(node, `the transform ${transform.kind} of float32 sums`);
  }
  const clamp = { min: transform?.minimum ?? -Infinity, max: transform?.maximum ?? Infinity };
  const bias = layout.constant(transform?.biases);
  const call = planConvFloat32(geometry, layout.batch, addresses(layout, node), bias, clamp);
  layout.needScratch(call.scratchBytes);
  layout.step(node, call.kernel, layout.block(CONV_FIELDS, call.params));
}

/** Whether a float32 constant is 1 throughout. */
function isOne(layout: Layout, index: number): boolean {
  return new Float32Array(layout.graph.constants[index].data.slice().buffer).every((value) => value === 1);
}

function addresses(layout: Layout, node: ProductNode) {
  return {
    input: layout.input(node).place.address,
    weights: layout.constant(node.operator.weights),
    output: layout.output(node).place.address,
    scratch: layout.scratch,
  };
}
