// The promise of an export: the file answers as the trainer did, sample by sample.
import { ExportError } from '../errors.js';

/** Index of the largest score; the first of equals. */
export function argmax(scores: ArrayLike<number>, from = 0, count = scores.length - from): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (scores[from + i] > scores[from + best]) best = i;
  return best;
}

/**
 * @param trained classes that the trainer gave, one per sample
 * @param exported classes that the exported file gave
 * @throws ExportError with the first sample that differs, and how many do
 */
export function checkAgreement(trained: ArrayLike<number>, exported: ArrayLike<number>): void {
  if (trained.length !== exported.length) {
    throw new ExportError(`agreement check expected ${trained.length} answers, got ${exported.length}`);
  }
  const differing = Array.from(trained).flatMap((label, i) => (label === exported[i] ? [] : [i]));
  const first = differing[0];
  if (first === undefined) return;
  throw new ExportError(
    `the exported network expected to answer as the trainer did, got ${differing.length} of ${trained.length} samples ` +
      `that differ; sample ${first}: trainer ${trained[first]}, file ${exported[first]}`,
  );
}

/**
 * The same for a language model: losses by token. They come from equal integers by the same arithmetic, so that they are
 * equal; the tolerance is for processors whose exp() differs in the last bit.
 *
 * @throws ExportError with the first token whose losses differ by more than 1e-9 nats, and the largest difference
 */
export function checkLosses(trained: Float64Array, exported: Float64Array): void {
  if (trained.length !== exported.length) {
    throw new ExportError(`agreement check expected ${trained.length} tokens, got ${exported.length}`);
  }
  const apart = trained.map((loss, i) => Math.abs(loss - exported[i]));
  // The negation catches what is not a number.
  const first = apart.findIndex((difference) => !(difference <= LOSS_TOLERANCE));
  if (first < 0) return;
  throw new ExportError(
    `the exported network expected to give the trainer's losses to ${LOSS_TOLERANCE} nats, got differences up to ` +
      `${apart.reduce((a, b) => Math.max(a, b), 0)}; token ${first}: trainer ${trained[first]}, file ${exported[first]}`,
  );
}

/** In nats. */
export const LOSS_TOLERANCE = 1e-9;
