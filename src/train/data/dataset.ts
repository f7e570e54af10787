// A classification data set of byte samples in memory, as the trainer takes it: a byte p enters the network as the odd
// integer 2p - 255, and nothing else is done to it. Normalizing each channel by its mean and deviation is left out: weights of
// the first layer are signs, so a deviation per channel would have to multiply the pixels themselves, which then are no
// integers of 8 bits any more. The first batch normalization takes the mean and the scale of the whole out instead, and
// exports as a threshold.

/** Samples and their classes. */
export interface LabelledBytes {
  readonly count: number;
  /** count * product(inputShape) bytes, sample by sample. */
  readonly samples: Uint8Array;
  /** count class numbers, each below the number of class names. */
  readonly labels: Uint8Array;
}

export interface Dataset {
  readonly name: string;
  /** Shape of one sample, without the batch; the last dimension counts channels. */
  readonly inputShape: readonly number[];
  /** Names of the classes, in the order of their numbers. */
  readonly classes: readonly string[];
  readonly train: LabelledBytes;
  readonly test: LabelledBytes;
}

/** The samples from `start` up to `end`, as a view. */
export function slice(data: LabelledBytes, start: number, end: number): LabelledBytes {
  const features = data.samples.length / data.count;
  return {
    count: end - start,
    samples: data.samples.subarray(start * features, end * features),
    labels: data.labels.subarray(start, end),
  };
}

/** Bytes as little-endian words, the last one filled up with zeros. */
export function words(bytes: Uint8Array): Uint32Array {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return new Uint32Array(padded.buffer);
}
