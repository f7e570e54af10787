// From the calls of a program to its dispatches. Most calls are a shader each; matrix products may be several, with tensors
// between them that only they know: products of signs by signs go through words of bits (bits.ts), the patches of a
// convolution of signs straight from its picture, and sums that are too few for a large GPU through partial sums (product.ts,
// batchnorm.ts).
import type { Call, PatchParams } from '../kernels.js';
import { trackSigns } from '../signs.js';
import type { ElementType, Tensor } from '../tensor.js';
import { batchNormBackwardInParts, batchNormInParts, rowParts } from './batchnorm.js';
import { matmulSigns, packPatches, packSigns, tapSums, wordsOf } from './bits.js';
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

/** What programs of one device share. */
interface Shared {
  readonly traits: GpuTraits;
  readonly scratch: Scratch;
}

/** Shorter sums of signs do not pay for packing. */
const LEAST_PACKED = 64;

export function stepsOf(calls: readonly Call[], traits: GpuTraits, scratch: Scratch): readonly Step[] {
  const signs = new Set<Tensor>();
  const sources = new Map<Tensor, { readonly params: PatchParams; readonly picture: Tensor }>();
  const steps = calls.flatMap((call) => {
    const parts = stepsOfCall(call, signs, sources, { traits, scratch });
    trackSigns(call, signs);
    if (call.kernel === 'im2col') sources.set(call.tensors[1], { params: call.params, picture: call.tensors[0] });
    return parts;
  });
  // Patches that every product takes from the picture are mentioned by the step that makes them alone.
  const uses = (tensors: readonly Tensor[], kernel: string) => (kernel === 'im2col' ? tensors.slice(0, 1) : tensors);
  const before = new Set(calls.flatMap(({ kernel, tensors }) => uses(tensors, kernel)));
  const after = new Set(steps.flatMap(({ label, tensors }) => uses(tensors, label)));
  return steps.filter(({ label, tensors: [, to] }) => label !== 'im2col' || after.has(to) || !before.has(to));
}

function stepsOfCall(call: Call, signs: ReadonlySet<Tensor>, sources: PatchSources, shared: Shared): readonly Step[] {
  if (call.kernel === 'matmul') return product(call, signs, sources, shared);
  if (call.kernel === 'batchNorm' || call.kernel === 'batchNormBackward') return normalization(call, shared);
  return [alone(call, shared.traits)];
}

function alone(call: Call, traits: GpuTraits): Step {
  return { label: call.kernel, shader: shaderOf(call, traits), tensors: call.tensors };
}

function product(call: Matmul, signs: ReadonlySet<Tensor>, sources: PatchSources, shared: Shared): readonly Step[] {
  const [a, b] = call.tensors;
  const { m, k, transposeA, transposeB } = call.params;
  if (transposeB && !transposeA && k >= LEAST_PACKED && signs.has(b)) {
    const source = sources.get(a);
    const left = shared.scratch('packed left', m * wordsOf(k), 'u32');
    if (source && signs.has(source.picture)) {
      const packing = { label: 'packPatches', shader: packPatches(source.params), tensors: [source.picture, left] };
      return [packing, ...counted(call, left, shared, source.params.padding > 0 ? source.params : undefined)];
    }
    if (signs.has(a)) {
      const shader = packSigns({ lines: m, k, transposed: false });
      return [{ label: 'packSigns', shader, tensors: [a, left] }, ...counted(call, left, shared)];
    }
  }
  const parts = partsOf(call.params, shared.traits);
  return parts > 1 ? inParts(call, parts, shared) : [alone(call, shared.traits)];
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

function inParts({ params, tensors: [a, b, c] }: Matmul, parts: number, { traits, scratch }: Shared): readonly Step[] {
  const { m, n, accumulate } = params;
  const partial = scratch('partial sums', parts * m * n);
  return [
    { label: 'matmul', shader: matmul(params, traits, parts), tensors: [a, b, partial] },
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
