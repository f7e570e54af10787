// Steps of the kernel `rows`: operators that look at numbers one by one, or row by row.
import { elements, type Node, plainBytes, type TensorType } from '../model/graph.js';
import { ROWS_CODES, type RowsParams, rowType } from './fields.js';
import type { Layout, Placed, Scratch } from './layout.js';

/** Numbers that rows are made of where their ends do not matter: few enough to stay in an L1 cache. */
const ROW_NUMBERS = 2048;

/** What a byte is, whatever it stands for. */
export const BYTES: TensorType = { encoding: 'levels', bits: 8 };

/** Rows in linear memory, one sample after the other. */
export interface Rows {
  readonly type: TensorType;
  readonly address: number;
}

export function rowsOf({ tensor, place }: Placed): Rows {
  return { type: tensor, address: place.address };
}

export interface RowsStep {
  readonly operation: keyof typeof ROWS_CODES;
  readonly shape: readonly number[];
  readonly input: Rows;
  readonly right?: Rows;
  readonly output: Rows;
  /** Rows are those of the last dimension, because the operation or packed bits ask for it. */
  readonly whole: boolean;
  /** Numbers that come out of a row, if not all. */
  readonly results?: number;
  readonly fields?: Partial<RowsParams>;
}

export function rowBytes(type: TensorType, count: number): number {
  return plainBytes([count], type.encoding, type.bits);
}

export function isBits({ encoding, bits }: TensorType): boolean {
  return encoding === 'centered' && bits === 1;
}

export function planRows(layout: Layout, node: Node, step: RowsStep, scratch: Scratch): void {
  const { input, right, output, shape } = step;
  const whole = step.whole || isBits(input.type) || isBits(output.type) || (right !== undefined && isBits(right.type));
  let count = shape.at(-1)!;
  for (let d = shape.length - 2; !whole && d >= 0 && count * shape[d] <= ROW_NUMBERS; d--) count *= shape[d];
  const results = step.results ?? count;
  const params: RowsParams = {
    operation: ROWS_CODES[step.operation],
    rows: elements(shape) / count,
    count,
    input: input.address,
    type: rowType(input.type),
    inputBytes: rowBytes(input.type, count),
    right: right?.address ?? 0,
    rightType: right ? rowType(right.type) : 0,
    rightBytes: right ? rowBytes(right.type, count) : 0,
    ...{ leftMultiplier: 0, rightMultiplier: 0, shift: 0, low: 0, high: 0, scale: 0, finish: 0 },
    results,
    output: output.address,
    outputType: rowType(output.type),
    outputBytes: rowBytes(output.type, results),
    work: scratch.take(4 * count),
    other: right ? scratch.take(4 * count) : 0,
    ...step.fields,
  };
  layout.step(node, 'rows', params);
}
