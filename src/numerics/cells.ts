// The arithmetic of a quantized recurrent cell, which trainer and export share: what an integer of each sum stands for, how
// the sums meet in one unit of pre-activations, and the tables of the gates. Formulas of the cells: schema/qnn.fbs.
//
// Weights are scale * q with q in [-1, 1] and scale a power of two by fan-in, so that every sum is an integer times a power of
// two and requantization is a shift. A step of the tables is 256 units of the coarser of the two sums. With 4 bits on both
// sides a unit is scale / 256, so that one step is what a largest weight and a largest input make of each other.
import { sigmoid, gateTable, tableIndex } from './tables.js';

export interface CellArithmetic {
  /** What 1 stands for in sums over inputs and over the hidden state, and in pre-activations. Powers of two. */
  readonly inputUnit: number;
  readonly recurrentUnit: number;
  readonly unit: number;
  /** Rounding shifts from the sums to pre-activations. */
  readonly inputShift: number;
  readonly recurrentShift: number;
  /** Largest pre-activation of each of the two sums, in units: int16, symmetric. */
  readonly limit: number;
  /** Distance of the tables' entries, and the largest index that is used: the table is symmetric. */
  readonly step: number;
  readonly lastIndex: number;
  /** Int16 (256) in units of 2^-15. */
  readonly sigmoid: Int16Array;
  readonly tanh: Int16Array;
  /** The cell of an LSTM counts in 2^(cellShift - 15). */
  readonly cellShift: number;
  /** Rounding shift from the cell to pre-activations. */
  readonly indexShift: number;
}

/** Cells reach from -8 to 8: beyond, tanh is 1 to four digits. */
const CELL_SHIFT = 3;
const LIMIT = 32767;
const LAST_INDEX = 127;

/** @throws RangeError for units that the file format cannot bring to each other */
export function cellArithmetic(inputUnit: number, recurrentUnit: number): CellArithmetic {
  const unit = Math.max(inputUnit, recurrentUnit);
  const step = 256 * unit;
  const indexShift = Math.log2(unit) + 15 - CELL_SHIFT;
  if (!Number.isInteger(indexShift) || Math.abs(indexShift) > 8) {
    throw new RangeError(`"unit" of pre-activations expected a power of two from 2^-20 to 2^-4, got ${unit}`);
  }
  return {
    inputUnit,
    recurrentUnit,
    unit,
    inputShift: Math.log2(unit / inputUnit),
    recurrentShift: Math.log2(unit / recurrentUnit),
    limit: LIMIT,
    step,
    lastIndex: LAST_INDEX,
    sigmoid: symmetric(gateTable(sigmoid, step)),
    tanh: symmetric(gateTable(Math.tanh, step)),
    cellShift: CELL_SHIFT,
    indexShift,
  };
}

/** The table with the entry of -127 at -128, where only the format's index gets. */
function symmetric(table: Int16Array): Int16Array {
  table[tableIndex(-LAST_INDEX - 1)] = table[tableIndex(-LAST_INDEX)]!;
  return table;
}

/** The power of two next to sqrt(3 / fanIn): weights uniform between both signs of it start with sums of variance 1. */
export function weightScale(fanIn: number): number {
  return 2 ** Math.round(Math.log2(Math.sqrt(3 / fanIn)));
}

/** Thresholds of int16 numbers in 2^-15 whose count is the level of centeredQuant(): l-th threshold at (l - 2^(k-1)) 2^(16-k). */
export function centeredThresholds(bits: number): number[] {
  return Array.from({ length: 2 ** bits - 1 }, (_, i) => (i + 1 - 2 ** (bits - 1)) * 2 ** (16 - bits));
}
