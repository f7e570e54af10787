// Operators that look at one number at a time, or at one of each of two inputs.
import { largestSize, type TensorType, valueRange } from '../../model/graph.js';
import { INT32 } from '../../model/operators/rules.js';
import type { Transform } from '../../model/operators/transforms.js';
import { unpackConstant } from '../../model/values.js';
import { planFinish, within } from '../finish.js';
import { floatBits } from '../i8.js';
import type { Layout, NodeOf } from '../layout.js';
import { planRows, rowsOf } from '../rows.js';

/** The first input and the output of a node, as rows. */
function ends(layout: Layout, node: NodeOf<'applyTransform' | 'activate' | 'add' | 'convert'>) {
  const input = layout.input(node);
  return { shape: input.tensor.shape, input: rowsOf(input), output: rowsOf(layout.output(node)) };
}

export function planApplyTransform(layout: Layout, node: NodeOf<'applyTransform'>): void {
  const scratch = layout.scratch();
  const { shape, input, output } = ends(layout, node);
  const { type } = input;
  const sums = { float: type.encoding === 'float32', n: shape.at(-1)!, largest: largestSize(type) };
  const residual = node.inputs.length > 1 ? layout.input(node, 1) : undefined;
  const thresholds = int8Thresholds(layout, node.operator.transform, input.type);
  if (thresholds) {
    const finish = layout.made(sums.n + 15, () => new Uint8Array(thresholds.buffer));
    planRows(layout, node, { operation: 'int8Bits', shape, input, output, whole: true, fields: { finish } }, scratch);
    return;
  }
  const finish = planFinish(layout, node.operator.transform, sums, output, scratch, residual);
  planRows(layout, node, { operation: 'finish', shape, input, output, whole: true, fields: { finish } }, scratch);
}

/** Thresholds that int8 can be compared with as it is; SIMD builds alone do that. */
function int8Thresholds(layout: Layout, transform: Transform, type: TensorType): Int8Array | undefined {
  if (!layout.choice.simd || type.encoding !== 'int8' || transform.kind !== 'threshold') return undefined;
  const thresholds = unpackConstant(layout.graph.constants[transform.thresholds]);
  return thresholds.every((t) => t >= -128 && t <= 127) ? Int8Array.from(thresholds) : undefined;
}

export function planActivate(layout: Layout, node: NodeOf<'activate'>): void {
  const { shape, input, output } = ends(layout, node);
  const { type } = input;
  const float = type.encoding === 'float32';
  const { function: name, minimum, maximum } = node.operator;
  const clip = { low: within(type, minimum), high: within(type, maximum) };
  const [operation, fields] = {
    sign: [float ? 'signFloat' : 'copy', {}] as const,
    relu: float
      ? (['reluFloat', { low: 0, high: floatBits(Infinity) }] as const)
      : (['clamp', { low: 0, high: within(INT32, Infinity) }] as const),
    clip: float
      ? (['clampFloat', { low: floatBits(minimum), high: floatBits(maximum) }] as const)
      : (['clamp', clip] as const),
    floor: ['floor', {}] as const,
  }[name];
  planRows(layout, node, { operation, shape, input, output, whole: false, fields }, layout.scratch());
}

export function planAdd(layout: Layout, node: NodeOf<'add'>): void {
  const { shape, input, output } = ends(layout, node);
  const right = rowsOf(layout.input(node, 1));
  const { leftMultiplier, rightMultiplier, shift, minimum = -Infinity, maximum = Infinity } = node.operator;
  const float = output.type.encoding === 'float32';
  const fields = float
    ? { low: floatBits(minimum), high: floatBits(maximum) }
    : {
        ...{ leftMultiplier, rightMultiplier, shift },
        low: within(output.type, minimum),
        high: within(output.type, maximum),
      };
  const operation = float ? 'addFloat' : 'add';
  planRows(layout, node, { operation, shape, input, right, output, whole: false, fields }, layout.scratch());
}

export function planConvert(layout: Layout, node: NodeOf<'convert'>): void {
  const { shape, input, output } = ends(layout, node);
  const toFloat = output.type.encoding === 'float32';
  const { tensor } = toFloat ? layout.input(node) : layout.output(node);
  const [low, high] = toFloat ? [0, 0] : valueRange(tensor);
  const fields = { scale: floatBits(tensor.scale), low, high };
  const operation = toFloat ? 'toFloat' : 'fromFloat';
  planRows(layout, node, { operation, shape, input, output, whole: false, fields }, layout.scratch());
}
