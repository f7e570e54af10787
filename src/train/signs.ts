// Which tensors of a program hold -1 and +1 only: products of such tensors have faster ways on every device.
import type { Call, PatchParams } from './kernels.js';
import type { Tensor } from './tensor.js';

/** The tensor that a call fills with -1 and +1 whatever it reads, if it does. */
export function signsOf(call: Call): Tensor | undefined {
  if (call.kernel === 'affineSign' || call.kernel === 'stochasticSign') return call.tensors[2];
  const binary = call.kernel === 'map' && (call.params.op === 'sign' || call.params.op === 'approximateSign');
  return binary && call.params.alpha === 1 ? call.tensors[1] : undefined;
}

/**
 * Brings `known`, the tensors of signs before a call, to what it is behind it. Copies keep signs: reshapes, slices, maxima,
 * and patches where no padding adds zeros. What accumulates makes other numbers.
 */
export function trackSigns(call: Call, known: Set<Tensor>): void {
  const written = signsOf(call);
  if (written) known.add(written);
  else if (call.kernel === 'scale' && call.params.accumulate) known.delete(call.tensors[1]);
  else if (copies(call) && known.has(call.tensors[0])) known.add(call.tensors[1]);
}

/** Brings `known`, the patches of signs, to what they are behind a call; `signs` are those before it. */
export function trackPatches(call: Call, signs: ReadonlySet<Tensor>, known: Map<Tensor, PatchParams>): void {
  if (call.kernel !== 'im2col') return;
  const [from, to] = call.tensors;
  if (signs.has(from)) known.set(to, call.params);
  else known.delete(to);
}

function copies(call: Call): boolean {
  if (call.kernel === 'scale') return Math.abs(call.params.factor) === 1;
  if (call.kernel === 'pool') return !call.params.average;
  return call.kernel === 'slice' || (call.kernel === 'im2col' && call.params.padding === 0);
}
