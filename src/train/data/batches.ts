// Batches of a data set as bytes, augmented where that is asked for. What a batch is follows from its request alone: its
// random numbers come from the run's seed and the request's key, or from the state that it brings, so that a thread, another order or a continued run makes
// the same bytes.
import { DataError } from '../../errors.js';
import { hash32, Random } from '../../numerics/random.js';
import { augment, type Augmentation } from './augment.js';

/** Where batches come from: plain data that a thread can be given. */
export interface BatchSource {
  /** Bytes of all samples, one after another. */
  readonly samples: Uint8Array;
  /** [height, width, channels] of a sample; [features] is enough without augmentation. */
  readonly inputShape: readonly number[];
  /** Null for samples as they are. */
  readonly augmentation: Augmentation | null;
  /** Integer that names the run. */
  readonly seed: number;
}

export interface BatchRequest {
  /** Numbers of the samples, in the order of the batch. */
  readonly indices: Uint32Array;
  /** Names the batch within the run, the number of the step, say: an integer >= 0. */
  readonly key: number;
  /** Where the generator of the batch stands, as Random.state() gives it. Default: where seed and key put it. */
  readonly random?: readonly number[];
}

/** Bytes of a request's samples, one after another: written to `out`, whose length is theirs. @throws DataError */
export function writeBatch(source: BatchSource, { indices, key, random: state }: BatchRequest, out: Uint8Array): void {
  const { samples, inputShape, augmentation, seed } = source;
  const features = featuresOf(source);
  const count = samples.length / features;
  const wrong = indices.findIndex((index) => index >= count);
  if (wrong >= 0)
    throw new DataError(`batch ${key} expected samples below ${count}, got ${indices[wrong]} at ${wrong}`);
  const random = new Random(hash32(hash32(seed >>> 0) + key));
  if (state) random.restore(state);
  indices.forEach((index, i) => {
    const from = samples.subarray(index * features, (index + 1) * features);
    const to = out.subarray(i * features, (i + 1) * features);
    if (augmentation) augment(from, to, inputShape as [number, number, number], augmentation, random);
    else to.set(from);
  });
}

/** Bytes of a sample. @throws RangeError if the source does not hold together */
export function featuresOf({ samples, inputShape, augmentation }: BatchSource): number {
  const features = inputShape.reduce((product, dimension) => product * dimension, 1);
  if (samples.length % features !== 0) {
    throw new RangeError(`"samples" expected whole samples of ${features} bytes, got ${samples.length} bytes`);
  }
  if (augmentation && inputShape.length !== 3) {
    throw new RangeError(`augmentation expected height, width and channels, got [${inputShape.join(', ')}]`);
  }
  return features;
}
