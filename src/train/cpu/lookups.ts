// Which products of a program count signs (assembly/train/counts.ts) or look them up (signs.ts), and which signs can stay
// bits because nothing else reads them.
import type { Call, KernelParams, PatchParams } from '../kernels.js';
import { signsOf, trackPatches, trackSigns } from '../signs.js';
import type { Tensor } from '../tensor.js';

/** Fewer columns than this do not pay for the tables. */
export const LEAST_COLUMNS = 64;

/** What is known of a program's tensors before a call. */
export interface Known {
  readonly signs: Set<Tensor>;
  /** Tensors of patches of signs. */
  readonly patches: Map<Tensor, PatchParams>;
}

/** Calls with what is known before each. */
export function* followed(calls: readonly Call[]): Generator<readonly [Call, Known]> {
  const known: Known = { signs: new Set(), patches: new Map() };
  for (const call of calls) {
    yield [call, known];
    trackPatches(call, known.signs, known.patches);
    trackSigns(call, known.signs);
  }
}

/** The operand of a product c = op(a) op(b) that is looked up, if one is. */
export function lookedUp(
  { m, n, transposeA, transposeB }: KernelParams['matmul'],
  [a, b]: readonly Tensor[],
  { signs, patches }: Known,
): 'left' | 'right' | undefined {
  // Patches may have zeros, which are made good where a layer has them: in y = x W^T and in dW = dy^T x.
  const left = m >= LEAST_COLUMNS && (signs.has(a) || (patches.has(a) && !transposeA && transposeB));
  const right = n >= LEAST_COLUMNS && (signs.has(b) || (patches.has(b) && transposeA && !transposeB));
  // The more columns, the less the tables cost.
  if (left && !(right && n >= m)) return 'left';
  return right ? 'right' : undefined;
}

/** Whether a product is of signs by signs, along the rows of both: a binary layer's y = x W^T. */
export function counted(
  { transposeA, transposeB }: KernelParams['matmul'],
  [a, b]: readonly Tensor[],
  { signs, patches }: Known,
): boolean {
  return !transposeA && transposeB && (signs.has(a) || patches.has(a)) && signs.has(b);
}

/** The operands that a product reads as bits where it can. */
function readAsBits(call: Call, known: Known): readonly Tensor[] {
  if (call.kernel !== 'matmul') return [];
  const [a, b] = call.tensors;
  // What the zeros around pictures added is taken back by the weights as numbers.
  if (counted(call.params, call.tensors, known)) return known.patches.get(a)?.padding ? [a] : [a, b];
  const side = lookedUp(call.params, call.tensors, known);
  return side === undefined ? [] : [side === 'left' ? a : b];
}

/** Signs, and patches of signs, that no call reads as numbers. */
export function keptAsBits(calls: readonly Call[]): ReadonlySet<Tensor> {
  const [looked, read] = [new Set<Tensor>(), new Set<Tensor>()];
  for (const [call, known] of followed(calls)) {
    const asBits = readAsBits(call, known);
    const made = call.kernel === 'map' || call.kernel === 'im2col' ? call.tensors[1] : undefined;
    for (const t of call.tensors) {
      if (asBits.includes(t)) looked.add(t);
      else if (t !== made || !makesBits(call, known)) read.add(t);
    }
  }
  return new Set([...looked].filter((t) => !read.has(t)));
}

/** Whether a call can write its signs as bits. */
function makesBits(call: Call, { signs }: Known): boolean {
  return (
    (call.kernel === 'map' && signsOf(call) !== undefined) || (call.kernel === 'im2col' && signs.has(call.tensors[0]))
  );
}
