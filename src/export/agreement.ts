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
