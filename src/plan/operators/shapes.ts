// Operators that move numbers and leave them as they are: strided copies of runs of bytes where rows allow it, else of single
// bits, and rows of tables.
import { elements, type Node, plainBytes, type Tensor } from '../../model/graph.js';
import { INT8 } from '../../model/operators/rules.js';
import { packTensor } from '../../model/values.js';
import { packedBytes } from '../../numerics/bits.js';
import { MOVE_DEPTH, type PickParams, rowType } from '../fields.js';
import { type Layout, type NodeOf, unsupported } from '../layout.js';
import { BYTES, isBits, planRows, rowBytes, rowsOf } from '../rows.js';

/** One dimension of a copy: repetitions, and how far the next one is in the input and in the output. */
type Step = readonly [count: number, from: number, to: number];

interface Move {
  readonly input: number;
  /** From one sample to the next, in bytes. */
  readonly inputStride: number;
  /** Bytes copied together; 0: bits, and offsets and steps count bits. */
  readonly unit: number;
  readonly inputOffset?: number;
  readonly outputOffset?: number;
  /** The innermost first. */
  readonly steps: readonly Step[];
  /** The output starts from zeros. */
  readonly clear?: boolean;
}

/** Bits of one sample that offsets of 32 bits reach. */
const MOST_BITS = 2 ** 32;

function planMove(layout: Layout, node: Node, move: Move): void {
  const { place } = layout.output(node);
  const { unit, steps } = move;
  if (unit === 0 && 8 * Math.max(place.bytes, move.inputStride) >= MOST_BITS) {
    throw unsupported(node, `copies of bits in a tensor of ${place.bytes} bytes`);
  }
  const lists = ['count', 'from', 'to'].flatMap((name, part) =>
    Array.from({ length: MOVE_DEPTH }, (_, d) => [`${name}${d}`, (steps[d] ?? [1, 0, 0])[part]] as const),
  );
  layout.step(node, 'move', {
    input: move.input,
    inputStride: move.inputStride,
    output: place.address,
    outputStride: place.bytes,
    clear: move.clear === true ? place.bytes : 0,
    unit,
    inputOffset: move.inputOffset ?? 0,
    outputOffset: move.outputOffset ?? 0,
    ...Object.fromEntries(lists),
  });
}

export function planConcat(layout: Layout, node: NodeOf<'concat'>): void {
  const { axis } = node.operator;
  const output = layout.output(node);
  const { shape } = output.tensor;
  const inBits = isBits(output.tensor) && axis === shape.length - 1;
  const bytesOf = (tensor: Tensor): number => plainBytes(tensor.shape.slice(axis), tensor.encoding, tensor.bits);
  const runs = elements(shape.slice(0, axis));
  const clear = inBits && node.inputs.some((index) => layout.graph.tensors[index].shape[axis] % 8 !== 0);
  let offset = 0;
  node.inputs.forEach((_, i) => {
    const { tensor, place } = layout.input(node, i);
    const move = { input: place.address, inputStride: place.bytes, clear: clear && i === 0 };
    const bytes = bytesOf(tensor);
    if (inBits && offset % 8 !== 0) {
      const channels = tensor.shape[axis];
      const steps: Step[] = [
        [channels, 1, 1],
        [runs, 8 * bytes, 8 * bytesOf(output.tensor)],
      ];
      planMove(layout, node, { ...move, unit: 0, outputOffset: offset, steps });
    } else {
      const outputOffset = inBits ? offset / 8 : offset;
      planMove(layout, node, { ...move, unit: bytes, outputOffset, steps: [[runs, bytes, bytesOf(output.tensor)]] });
    }
    offset += inBits ? tensor.shape[axis] : bytes;
  });
}

export function planChannelShuffle(layout: Layout, node: NodeOf<'channelShuffle'>): void {
  const { tensor, place } = layout.input(node);
  const { groups } = node.operator;
  const channels = tensor.shape.at(-1)!;
  const width = channels / groups;
  const bits = isBits(tensor);
  const unit = bits ? 0 : rowBytes(tensor, 1);
  const one = bits ? 1 : unit;
  const row = rowBytes(tensor, channels) * (bits ? 8 : 1);
  planMove(layout, node, {
    input: place.address,
    inputStride: place.bytes,
    unit,
    clear: bits,
    steps: [
      [width, one, groups * one],
      [groups, width * one, one],
      [elements(tensor.shape) / channels, row, row],
    ],
  });
}

/** Whether a tensor's bytes are those of its input: the planner then lets both live in the same place. */
export function sharesBytes(input: Tensor, output: Tensor): boolean {
  const [from, to] = [input.shape.at(-1)!, output.shape.at(-1)!];
  return !isBits(input) || from === to || (from % 8 === 0 && to % 8 === 0);
}

export function planReshape(layout: Layout, node: NodeOf<'reshape'>): void {
  const input = layout.input(node);
  const output = layout.output(node);
  if (sharesBytes(input.tensor, output.tensor)) return;
  // Rows of bits end in other places: one byte for each number in between.
  const scratch = layout.scratch();
  const bytes = {
    type: INT8,
    address: scratch.take(layout.batch * elements(input.tensor.shape)),
  } as const;
  const step = { operation: 'copy', whole: true } as const;
  const [from, to] = [rowsOf(input), rowsOf(output)];
  planRows(layout, node, { ...step, shape: input.tensor.shape, input: from, output: bytes }, scratch);
  planRows(layout, node, { ...step, shape: output.tensor.shape, input: bytes, output: to }, scratch);
}

export function planPad(layout: Layout, node: NodeOf<'pad'>): void {
  const { tensor, place } = layout.input(node);
  const output = layout.output(node);
  const { before, after, value } = node.operator;
  const channels = output.tensor.shape.at(-1)!;
  const outputRow = rowBytes(tensor, channels);
  const filled = layout.made(outputRow, () => packTensor(new Array<number>(channels).fill(value), [channels], tensor));
  const rows = elements(output.tensor.shape) / channels;
  planMove(layout, node, { input: filled, inputStride: 0, unit: outputRow, steps: [[rows, 0, outputRow]] });

  const last = tensor.shape.length - 1;
  const bits = isBits(tensor) && before[last] + after[last] > 0;
  const scale = bits ? 8 : 1;
  const one = bits ? 1 : isBits(tensor) ? 0 : rowBytes(tensor, 1);
  const steps: Step[] = bits ? [[tensor.shape[last], 1, 1]] : [];
  let from = rowBytes(tensor, tensor.shape[last]) * scale;
  let to = outputRow * scale;
  let outputOffset = before[last] * one;
  for (let d = last - 1; d >= 0; d--) {
    steps.push([tensor.shape[d], from, to]);
    outputOffset += before[d] * to;
    from *= tensor.shape[d];
    to *= output.tensor.shape[d];
  }
  const unit = bits ? 0 : rowBytes(tensor, tensor.shape[last]);
  planMove(layout, node, { input: place.address, inputStride: place.bytes, unit, outputOffset, steps });
}

export function planUpsample(layout: Layout, node: NodeOf<'upsample'>): void {
  const { tensor, place } = layout.input(node);
  const [rows, columns, channels] = tensor.shape as [number, number, number];
  const { height, width } = node.operator;
  const unit = isBits(tensor) ? packedBytes(channels) : rowBytes(tensor, channels);
  const row = columns * width * unit;
  planMove(layout, node, {
    input: place.address,
    inputStride: place.bytes,
    unit,
    steps: [
      [width, 0, unit],
      [columns, unit, width * unit],
      [height, 0, row],
      [rows, columns * unit, height * row],
    ],
  });
}

/** Rows of a table by numbers: tokens, or for a function of bytes the byte itself, whatever number it stands for. */
export function planPick(layout: Layout, node: NodeOf<'embedding' | 'lookUp'>): void {
  const { kind, table: index } = node.operator;
  const { tensor, place } = layout.input(node);
  const output = layout.output(node);
  const table = layout.graph.constants[index];
  const [rows, width = 1] = table.shape;
  const params: PickParams = {
    input: place.address,
    inputStride: place.bytes,
    type: rowType(kind === 'lookUp' ? BYTES : tensor),
    count: elements(tensor.shape),
    table: layout.constant(index),
    rows,
    planes: table.layout === 'plain' ? 0 : table.bits,
    bytes: rowBytes(output.tensor, width),
    output: output.place.address,
  };
  layout.step(node, 'pick', params);
}
