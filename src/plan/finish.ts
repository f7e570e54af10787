// Transforms of rows on their own: what stands behind a product whose kernel does not have the transform, ApplyTransform, and
// the states of recurrent cells.
import { elements, largestSize, type TensorType, valueRange } from '../model/graph.js';
import type { Requantize as RequantizeTransform, Transform } from '../model/operators/transforms.js';
import { unpackConstant } from '../model/values.js';
import { denseGeometry } from '../numerics/geometry.js';
import { FINISH_CODES, type FinishParams, rowType } from './fields.js';
import { floatBits } from './i8.js';
import type { Layout, Placed, Scratch } from './layout.js';
import { planProduct, type ProductLayer, type ProductTransform, SIGNS } from './product.js';
import { BYTES } from './rows.js';

/** Rows of sums, int32 or float32. */
export interface Sums {
  readonly float: boolean;
  /** Numbers of a row: channels. */
  readonly n: number;
  /** What no sum exceeds in size, where that is known. */
  readonly largest?: number;
}

/** A number within the range of a type. */
export function within(type: TensorType, value: number): number {
  const [low, high] = valueRange(type);
  return Math.min(Math.max(value, low), high);
}

/**
 * Writes the parameter block of a transform.
 *
 * @param output where its rows go and what they hold
 * @returns its address
 */
export function planFinish(
  layout: Layout,
  transform: Transform | undefined,
  sums: Sums,
  output: { readonly type: TensorType; readonly address: number },
  scratch: Scratch,
  residual?: Placed,
): number {
  const params: FinishParams = {
    ...{ kind: FINISH_CODES.none, float: sums.float ? 1 : 0, type: rowType(output.type), n: sums.n },
    ...{ first: 0, second: 0, third: 0, fourth: 0, steps: 0, shift: 0, small: 0, left: 0, low: 0, high: 0 },
    ...{ residual: 0, residualType: 0, residualMultiplier: 0, output: output.address, joined: 0 },
    ...(transform && fieldsOf(layout, transform, sums, output.type, scratch, residual)),
  };
  return layout.block(params);
}

function fieldsOf(
  layout: Layout,
  transform: Transform,
  sums: Sums,
  type: TensorType,
  scratch: Scratch,
  residual: Placed | undefined,
): Partial<FinishParams> {
  const at = (index: number | undefined): number => layout.constant(index);
  switch (transform.kind) {
    case 'threshold':
    case 'multiThreshold': {
      if (!sums.float) break;
      // Levels are what is stored, also of centered numbers.
      const stored = transform.kind === 'threshold' ? type : BYTES;
      const { constants } = layout.graph;
      const steps = elements(constants[transform.thresholds].shape) / sums.n;
      return { kind: FINISH_CODES.levels, type: rowType(stored), first: at(transform.thresholds), steps };
    }
    case 'requantize': {
      const { minimum = -Infinity, maximum = Infinity } = transform;
      return {
        kind: FINISH_CODES.requantize,
        first: at(transform.biases),
        ...requantizeFields(layout, transform, sums, residual?.tensor),
        low: within(type, minimum),
        high: within(type, maximum),
        residual: residual?.place.address ?? 0,
        residualType: residual ? rowType(residual.tensor) : 0,
        joined: scratch.take(4 * sums.n),
      };
    }
    case 'floatAffine': {
      const { minimum = -Infinity, maximum = Infinity } = transform;
      const [first, second] = [at(transform.multipliers), at(transform.biases)];
      return { kind: FINISH_CODES.float, first, second, low: floatBits(minimum), high: floatBits(maximum) };
    }
    case 'shiftNorm':
      return {
        kind: FINISH_CODES.shiftNorm,
        first: at(transform.means),
        second: at(transform.exponents),
        third: at(transform.signs),
        fourth: at(transform.biases),
        shift: transform.fraction,
      };
    default:
  }
  // A transform that products have of their own: a block of theirs, of which only that is read.
  const layer: ProductLayer = {
    geometry: denseGeometry(1, sums.n),
    activations: SIGNS,
    weights: SIGNS,
    padValue: 0,
    transform: productTransform(layout, transform, sums.n)!,
  };
  const nowhere = { input: 0, weights: 0, output: 0, scratch: 0, prepared: 0 };
  return { kind: FINISH_CODES.product, first: layout.block(planProduct(layer, nowhere, layout.choice).params) };
}

/** A requantization as SIMD builds compute it: multipliers and shift without what they have in common. */
interface Reduced {
  readonly multipliers: readonly number[];
  readonly residualMultiplier: number;
  readonly shift: number;
}

/**
 * Takes the powers of two out of multipliers and shift; undefined unless no sum then leaves 32 bits.
 *
 * @param largest of the sizes of the sums
 */
function reduce(
  layout: Layout,
  transform: RequantizeTransform,
  largest: number,
  residual: TensorType | undefined,
): Reduced | undefined {
  if (!layout.choice.simd) return undefined;
  const { biases, residualMultiplier = 0 } = transform;
  const multipliers = numbersOf(layout, transform.multipliers);
  const common = multipliers.reduce(
    (bits, m) => Math.min(bits, twosIn(m)),
    Math.min(transform.shift, twosIn(residualMultiplier)),
  );
  const unit = 2 ** common;
  const shift = transform.shift - common;
  const sums = largest + largestOf(biases === undefined ? [] : numbersOf(layout, biases));
  const joined = residual ? largestSize(residual) * Math.abs(residualMultiplier / unit) : 0;
  if (sums >= 2 ** 31 || (sums * largestOf(multipliers)) / unit + joined + 2 ** shift >= 2 ** 31) return undefined;
  return { multipliers: multipliers.map((m) => m / unit), residualMultiplier: residualMultiplier / unit, shift };
}

function numbersOf(layout: Layout, index: number): readonly number[] {
  return [...unpackConstant(layout.graph.constants[index])];
}

function largestOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** How often 2 divides an integer of 32 bits; 0 is no obstacle. */
function twosIn(value: number): number {
  return value === 0 ? 62 : 31 - Math.clz32(value & -value);
}

function requantizeFields(
  layout: Layout,
  transform: RequantizeTransform,
  sums: Sums,
  residual: TensorType | undefined,
): Partial<FinishParams> {
  const small = reduce(layout, transform, sums.largest ?? 2 ** 31, residual);
  if (small) {
    const { multipliers, residualMultiplier, shift } = small;
    const second = layout.made(4 * sums.n, () => new Uint8Array(Int32Array.from(multipliers).buffer));
    return { small: 1, second, residualMultiplier, shift };
  }
  const { multipliers, residualMultiplier = 0, shift } = transform;
  // Shifts of 30 and 31 go left first where 2^31 multipliers << left stay within 2^63, or within half of that beside the
  // 2^46 << left of a residual.
  const left = Math.max(32 - shift, 0);
  const room = largestOf(numbersOf(layout, multipliers)) <= 2 ** (residual ? 31 - left : 32 - left);
  return { left: room ? left : 0, second: layout.constant(multipliers), residualMultiplier, shift };
}

/** The transform as products by planes have it of their own; undefined where they have not. */
export function productTransform(layout: Layout, transform: Transform, n: number): ProductTransform | undefined {
  switch (transform.kind) {
    case 'threshold':
      return { kind: 'bits', thresholds: layout.constant(transform.thresholds) };
    case 'multiThreshold': {
      const count = elements(layout.graph.constants[transform.thresholds].shape) / n;
      return { kind: 'levels', thresholds: layout.constant(transform.thresholds), count };
    }
    case 'integerAffine': {
      const { multipliers, biases } = transform;
      return { kind: 'affine', multipliers: layout.constant(multipliers), biases: layout.constant(biases) };
    }
    default:
      return undefined;
  }
}
