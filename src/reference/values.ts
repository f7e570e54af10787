// What the reference functions of all operators share: numbers of one sample of a tensor, and exact arithmetic.
import type { Constant, Graph, Tensor } from '../model/graph.js';
import { unpackConstant } from '../model/values.js';

/**
 * The numbers v of one sample of a tensor, row-major: integers, or numbers that float32 holds. float64 holds integers of
 * up to 53 bits exactly; wider products use BigInt.
 */
export type Values = Float64Array;

/** What an operator sees when it runs. */
export interface Run {
  readonly graph: Graph;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Values of each input. */
  readonly values: readonly Values[];
}

/** Numbers of the constant with this index. */
export function constant(run: Run, index: number): Values {
  return unpackConstant(run.graph.constants[index]);
}

/** The constant itself. */
export function constantOf(run: Run, index: number): Constant {
  return run.graph.constants[index];
}

/** Rounding shift of any integer, exactly: floor((x + 2^(s - 1)) / 2^s); s <= 0 shifts left. */
export function roundShiftBig(x: bigint, s: number): bigint {
  return s <= 0 ? x << BigInt(-s) : (x + (1n << BigInt(s - 1))) >> BigInt(s);
}

/** x within low..high; not a number stays what it is. */
export function clamp(x: number, low = -Infinity, high = Infinity): number {
  return x < low ? low : x > high ? high : x;
}

/** Number from an integer that fits in low..high after clamping. */
export function clampBig(x: bigint, low: number, high: number): number {
  if (x < BigInt(low)) return low;
  return x > BigInt(high) ? high : Number(x);
}
