// Likelihoods from scores, in double precision: what trainer and command line report of a language model. From equal
// scores both get equal numbers.

/**
 * -log softmax(scale * scores)[label], in nats, of `count` scores from `from` on.
 *
 * @param scale real number of a score of 1
 */
export function negativeLogLikelihood(
  scores: ArrayLike<number>,
  scale: number,
  label: number,
  from = 0,
  count = scores.length - from,
): number {
  let highest = -Infinity;
  for (let i = from; i < from + count; i++) if (scores[i] > highest) highest = scores[i]!;
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += Math.exp(scale * (scores[i] - highest));
  return Math.log(sum) - scale * (scores[from + label] - highest);
}

/** exp of the mean of losses in nats: per word, the perplexity. */
export function perplexity(meanLoss: number): number {
  return Math.exp(meanLoss);
}

/** A loss in nats as bits: per character, the measure of character models. */
export function bitsOf(loss: number): number {
  return loss / Math.LN2;
}
