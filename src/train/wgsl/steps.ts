// From the calls of a program to its dispatches. Most calls are a shader each; matrix products may be several, with tensors
// between them that only they know: products of signs by signs go through words of bits (bits.ts), the patches of a
// convolution of signs straight from its picture, or from f16 where sums of float32 need them, and sums that are too few for
// a large GPU through partial sums (product.ts, batchnorm.ts).
import type { Call, PatchParams } from '../kernels.js';
import { trackSigns } from '../signs.js';
import { tensor, type ElementType, type Tensor } from '../tensor.js';
import { batchNormBackwardInParts, batchNormInParts, rowParts } from './batchnorm.js';
import { matmulSigns, packPatches, packSigns, tapSums, wordsOf } from './bits.js';
import { im2colHalf } from './conv.js';
import { shaderOf } from './index.js';
import { matmul } from './matmul.js';
import { partsOf, sumParts } from './product.js';
import type { GpuTraits, Shader } from './shader.js';

/** A shader with the tensors of its bindings: a call, or a part of one. */
export interface Step {
  readonly label: string;
  readonly shader: Shader;
  readonly tensors: readonly Tensor[];
}

type Matmul = Call & { readonly kernel: 'matmul' };

/** Patches (im2col) by the tensor that holds them: where they come from. */
type PatchSources = ReadonlyMap<Tensor, { readonly params: PatchParams; readonly picture: Tensor }>;

/** A tensor that lives for one call only: others of as many elements share it. */
export type Scratch = (label: string, size: number, type?: ElementType) => Tensor;

/** How a device keeps tensors, for all of its programs. */
export interface Storage {
  readonly scratch: Scratch;
  /**
   * Patches of signs that a program keeps as f16, by the tensor of u32 that holds two of them in a word, for good: the
   * tensors themselves have no storage any more.
   */
  readonly halves: Map<Tensor, Tensor>;
  /** Whether a tensor has storage of its own already. */
  readonly isStored: (t: Tensor) => boolean;
}

/** What the steps of a program share. */
interface Shared {
  readonly traits: GpuTraits;
  readonly scratch: Scratch;
  /** Storage.halves, with those that this program may add. */
  readonly halves: ReadonlyMap<Tensor, Tensor>;
}

/** Shorter sums of signs do not pay for packing. */
const LEAST_PACKED = 64;

export function stepsOf(calls: readonly Call[], traits: GpuTraits, storage: Storage): readonly Step[] {
  const halves = halvesOf(calls, traits, storage);
  const shared = { traits, scratch: storage.scratch, halves };
  const signs = new Set<Tensor>();
  const sources = new Map<Tensor, { readonly params: PatchParams; readonly picture: Tensor }>();
  const steps = calls.flatMap((call) => {
    const parts = stepsOfCall(call, signs, sources, shared);
    trackSigns(call, signs);
    if (call.kernel === 'im2col') sources.set(call.tensors[1], { params: call.params, picture: call.tensors[0] });
    return parts;
  });
  // Patches that every product takes from the picture are mentioned by the step that makes them alone.
  const makes = (kernel: string): boolean => kernel === 'im2col' || kernel === 'im2colHalf';
  const uses = (tensors: readonly Tensor[], kernel: string) => (makes(kernel) ? tensors.slice(0, 1) : tensors);
  const before = new Set(calls.flatMap(({ kernel, tensors }) => uses(tensors, kernel).map((t) => halves.get(t) ?? t)));
  const after = new Set(steps.flatMap(({ label, tensors }) => uses(tensors, label)));
  for (const [patches, words] of halves) if (after.has(words)) storage.halves.set(patches, words);
  return steps.filter(({ label, tensors: [, to] }) => !makes(label) || after.has(to) || !before.has(to));
}

/** Storage.halves, and the patches of signs that nothing but products reads in these calls. */
function halvesOf(
  calls: readonly Call[],
  { half }: GpuTraits,
  { halves, isStored }: Storage,
): ReadonlyMap<Tensor, Tensor> {
  const all = new Map(halves);
  if (!half) return all;
  const signs = new Set<Tensor>();
  const patches = new Set<Tensor>();
  const operands = new Set<Tensor>();
  const others = new Set<Tensor>();
  for (const call of calls) {
    const { kernel, tensors } = call;
    const ofSigns = kernel === 'im2col' && signs.has(tensors[0]);
    if (ofSigns) patches.add(tensors[1]);
    if (kernel === 'matmul') tensors.slice(0, 2).forEach((t) => operands.add(t));
    const rest = kernel === 'matmul' ? tensors.slice(2) : ofSigns ? tensors.slice(0, 1) : tensors;
    rest.forEach((t) => others.add(t));
    trackSigns(call, signs);
  }
  for (const t of patches) {
    if (!operands.has(t) || others.has(t) || isStored(t) || all.has(t)) continue;
    all.set(t, tensor(`${t.label} as f16`, [Math.ceil(t.size / 2)], 'u32'));
  }
  return all;
}

function stepsOfCall(call: Call, signs: ReadonlySet<Tensor>, sources: PatchSources, shared: Shared): readonly Step[] {
  if (call.kernel === 'matmul') return product(call, signs, sources, shared);
  if (call.kernel === 'batchNorm' || call.kernel === 'batchNormBackward') return normalization(call, shared);
  if (call.kernel === 'im2col' && signs.has(call.tensors[0])) {
    const [picture, patches] = call.tensors;
    const words = shared.halves.get(patches);
    if (words) return [{ label: 'im2colHalf', shader: im2colHalf(call.params), tensors: [picture, words] }];
  }
  return [alone(call, shared.traits)];
}

function alone(call: Call, traits: GpuTraits): Step {
  return { label: call.kernel, shader: shaderOf(call, traits), tensors: call.tensors };
}

function product(call: Matmul, signs: ReadonlySet<Tensor>, sources: PatchSources, shared: Shared): readonly Step[] {
  const [a, b] = call.tensors;
  const { m, k, transposeA, transposeB } = call.params;
  const { halves } = shared;
  // Operands in f16 are not packed.
  if (transposeB && !transposeA && k >= LEAST_PACKED && signs.has(b) && !halves.has(b)) {
    const source = sources.get(a);
    const left = shared.scratch('packed left', m * wordsOf(k), 'u32');
    if (source && signs.has(source.picture)) {
      const packing = { label: 'packPatches', shader: packPatches(source.params), tensors: [source.picture, left] };
      return [packing, ...counted(call, left, shared, source.params.padding > 0 ? source.params : undefined)];
    }
    if (signs.has(a) && !halves.has(a)) {
      const shader = packSigns({ lines: m, k, transposed: false });
      return [{ label: 'packSigns', shader, tensors: [a, left] }, ...counted(call, left, shared)];
    }
  }
  return multiplied(call, shared);
}

/** The product of packed signs `left` and the signs of the call's second operand. */
function counted({ params, tensors }: Matmul, left: Tensor, shared: Shared, padded?: PatchParams): readonly Step[] {
  const [, b, c] = tensors;
  const { n, k } = params;
  const right = shared.scratch('packed right', wordsOf(k) * n, 'u32');
  const packing = { label: 'packSigns', shader: packSigns({ lines: n, k, transposed: true }), tensors: [b, right] };
  const shader = matmulSigns(params, shared.traits, padded);
  if (!padded) return [packing, { label: 'matmulSigns', shader, tensors: [left, right, c] }];
  const taps = shared.scratch('tap sums', padded.kernel ** 2 * n);
  return [
    packing,
    { label: 'tapSums', shader: tapSums(n, padded), tensors: [b, taps] },
    { label: 'matmulSigns', shader, tensors: [left, right, c, taps] },
  ];
}

/** The product in float32, of operands that may be f16 in memory. */
function multiplied({ params, tensors: [a, b, c] }: Matmul, { traits, scratch, halves }: Shared): readonly Step[] {
  const { m, n, accumulate } = params;
  const half = { a: halves.has(a), b: halves.has(b) };
  const operands = [a, b].map((t) => halves.get(t) ?? t);
  const parts = partsOf(params, traits);
  const label = half.a || half.b ? 'matmulHalf' : 'matmul';
  const shader = matmul(params, traits, parts, half);
  if (parts === 1) return [{ label, shader, tensors: [...operands, c] }];
  const partial = scratch('partial sums', parts * m * n);
  return [
    { label, shader, tensors: [...operands, partial] },
    { label: 'sumParts', shader: sumParts(parts, m * n, accumulate), tensors: [partial, c] },
  ];
}

/** A normalization over many rows takes several passes, so that more than a few workgroups have work. */
function normalization(
  call: Call & { readonly kernel: 'batchNorm' | 'batchNormBackward' },
  { traits, scratch }: Shared,
): readonly Step[] {
  const { channels } = call.params;
  const parts = rowParts(call.params, traits);
  if (parts === 1) return [alone(call, traits)];
  const step = (shader: Shader, tensors: readonly Tensor[]): Step => ({ label: call.kernel, shader, tensors });
  if (call.kernel === 'batchNorm') {
    const [x, gamma, beta, ...results] = call.tensors;
    const [sums, squares] = ['sums of rows', 'squares of rows'].map((label) => scratch(label, parts * channels));
    const [first, second, last] = batchNormInParts(call.params, parts);
    return [
      step(first, [x, sums]),
      step(second, [x, sums, squares]),
      step(last, [x, gamma, beta, sums, squares, ...results]),
    ];
  }
  const [x, gamma, saved, dy, ...results] = call.tensors;
  const sums = scratch('gradient sums of rows', 2 * parts * channels);
  const [first, last] = batchNormBackwardInParts(call.params, parts);
  return [step(first, [x, saved, dy, sums]), step(last, [x, gamma, saved, dy, sums, ...results])];
}
