// Transforms of rows on their own: what stands behind a product whose kernel does not have the transform, ApplyTransform, and
// the states of recurrent cells.
import { elements, type TensorType, valueRange } from '../model/graph.js';
import type { Transform } from '../model/operators/transforms.js';
import { FINISH_CODES, FINISH_FIELDS, type FinishParams, rowType } from './fields.js';
import { floatBits } from './i8.js';
import type { Layout, Placed, Scratch } from './layout.js';
import { PRODUCT_FIELDS, TRANSFORM_CODES } from './params.js';

/** Rows of sums, int32 or float32. */
export interface Sums {
  readonly float: boolean;
  /** Numbers of a row: channels. */
  readonly n: number;
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
    ...{ first: 0, second: 0, third: 0, fourth: 0, steps: 0, shift: 0, low: 0, high: 0 },
    ...{ residual: 0, residualType: 0, residualMultiplier: 0, output: output.address, joined: 0 },
    ...(transform && fieldsOf(layout, transform, sums, output.type, scratch, residual)),
  };
  return layout.block(FINISH_FIELDS, params);
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
      const first = at(transform.thresholds);
      const steps = elements(layout.graph.constants[transform.thresholds].shape) / sums.n;
      const bits = transform.kind === 'threshold';
      // Levels are what is stored, also of centered numbers.
      const stored: TensorType = { encoding: 'levels', bits: 8 };
      if (sums.float) return { kind: FINISH_CODES.levels, type: rowType(bits ? type : stored), first, steps };
      return ofProduct(layout, sums.n, {
        transform: bits ? TRANSFORM_CODES.bits : TRANSFORM_CODES.levels,
        first,
        steps,
      });
    }
    case 'integerAffine': {
      const [first, second] = [at(transform.multipliers), at(transform.biases)];
      return ofProduct(layout, sums.n, { transform: TRANSFORM_CODES.affine, first, second });
    }
    case 'requantize': {
      const { minimum = -Infinity, maximum = Infinity, residualMultiplier = 0 } = transform;
      return {
        kind: FINISH_CODES.requantize,
        first: at(transform.biases),
        second: at(transform.multipliers),
        shift: transform.shift,
        low: within(type, minimum),
        high: within(type, maximum),
        residual: residual?.place.address ?? 0,
        residualType: residual ? rowType(residual.tensor) : 0,
        residualMultiplier,
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
  }
}

/** A transform that products have of their own: a block of theirs, of which only that is read. */
function ofProduct(layout: Layout, n: number, fields: Readonly<Record<string, number>>): Partial<FinishParams> {
  const zeros = Object.fromEntries(PRODUCT_FIELDS.map((field) => [field, 0]));
  return { kind: FINISH_CODES.product, first: layout.block(PRODUCT_FIELDS, { ...zeros, outputs: n, ...fields }) };
}
