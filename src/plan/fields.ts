// Parameter blocks of the kernels that take every encoding: the fields of their classes in assembly/ in order, 4 bytes each
// (a test compares the lists), and the codes in them.
import type { Encoding, TensorType } from '../model/graph.js';

const CODES: Readonly<Record<Encoding, number>> = {
  float32: 0,
  int32: 1,
  int16: 2,
  int8: 3,
  levels: 4,
  centered: 5,
};
const BITS_CODE = 6;

/** The number that stands for a type in assembly/rows.ts. */
export function rowType({ encoding, bits }: TensorType): number {
  if (encoding !== 'centered') return CODES[encoding];
  return bits === 1 ? BITS_CODE : CODES.centered + 16 * (2 ** bits - 1);
}

/** assembly/finish.ts */
export const FINISH_FIELDS = [
  'kind',
  'float',
  'type',
  'n',
  'first',
  'second',
  'third',
  'fourth',
  'steps',
  'shift',
  'small',
  'left',
  'low',
  'high',
  'residual',
  'residualType',
  'residualMultiplier',
  'output',
  'joined',
] as const;
export type FinishParams = Readonly<Record<(typeof FINISH_FIELDS)[number], number>>;
export const FINISH_CODES = { none: 0, product: 1, requantize: 2, float: 3, shiftNorm: 4, levels: 5 } as const;

/** assembly/rowwise.ts */
export const ROWS_FIELDS = [
  'operation',
  'rows',
  'count',
  'input',
  'type',
  'inputBytes',
  'right',
  'rightType',
  'rightBytes',
  'leftMultiplier',
  'rightMultiplier',
  'shift',
  'low',
  'high',
  'scale',
  'finish',
  'results',
  'output',
  'outputType',
  'outputBytes',
  'work',
  'other',
] as const;
export type RowsParams = Readonly<Record<(typeof ROWS_FIELDS)[number], number>>;
export const ROWS_CODES = {
  copy: 0,
  finish: 1,
  clamp: 2,
  clampFloat: 3,
  reluFloat: 4,
  addFloat: 5,
  floor: 6,
  signFloat: 7,
  toFloat: 8,
  fromFloat: 9,
  add: 10,
  softmax: 11,
  argMax: 12,
  int8Bits: 13,
} as const;

/** assembly/anyproduct.ts */
export const ANY_FIELDS = [
  'input',
  'type',
  'pixelBytes',
  'float',
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
  'padValue',
  'groups',
  'n',
  'outHeight',
  'outWidth',
  'transposed',
  'weights',
  'wide',
  'patch',
  'output',
] as const;
export type AnyParams = Readonly<Record<(typeof ANY_FIELDS)[number], number>>;

/** assembly/window.ts */
export const WINDOW_FIELDS = [
  'operation',
  'input',
  'type',
  'pixelBytes',
  'height',
  'width',
  'channels',
  'kernelHeight',
  'kernelWidth',
  'strideY',
  'strideX',
  'padTop',
  'padLeft',
  'outHeight',
  'outWidth',
  'turns',
  'output',
  'outputType',
  'outputBytes',
  'work',
  'sums',
] as const;
export type WindowParams = Readonly<Record<(typeof WINDOW_FIELDS)[number], number>>;
export const WINDOW_CODES = { largest: 0, sum: 1, mean: 2 } as const;

/** Dimensions of a strided copy. */
export const MOVE_DEPTH = 6;

/** assembly/move.ts */
export const MOVE_FIELDS = [
  'input',
  'inputStride',
  'output',
  'outputStride',
  'clear',
  'unit',
  'inputOffset',
  'outputOffset',
  ...(['count0', 'count1', 'count2', 'count3', 'count4', 'count5'] as const),
  ...(['from0', 'from1', 'from2', 'from3', 'from4', 'from5'] as const),
  ...(['to0', 'to1', 'to2', 'to3', 'to4', 'to5'] as const),
] as const;

/** assembly/move.ts */
export const PICK_FIELDS = [
  'input',
  'inputStride',
  'type',
  'count',
  'table',
  'rows',
  'planes',
  'bytes',
  'output',
] as const;
export type PickParams = Readonly<Record<(typeof PICK_FIELDS)[number], number>>;

/** assembly/cell.ts */
export const CELL_FIELDS = [
  'gates',
  'steps',
  'width',
  'sequence',
  'sequenceBytes',
  'row',
  'inputKernel',
  'inputBlock',
  'inputSums',
  'recurrentKernel',
  'recurrentBlock',
  'recurrentSums',
  'inputFinish',
  'recurrentFinish',
  'inputGates',
  'recurrentGates',
  'activation',
  'sigmoid',
  'cellShift',
  'indexShift',
  'stateFinish',
  'state',
  'hidden',
  'hiddenBytes',
  'hiddenInput',
  'hiddenOutput',
  'carryInput',
  'carryOutput',
  'carry',
  'output',
] as const;
export type CellParams = Readonly<Record<(typeof CELL_FIELDS)[number], number>>;
/** Kernels that a cell may call. */
export const CELL_KERNELS: Readonly<Record<string, number>> = {
  product_bits: 0,
  product_values: 1,
  conv_i8: 2,
  product_any: 3,
};
