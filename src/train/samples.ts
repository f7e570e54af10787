// Where a training step's samples come from: the whole set on the device, or where pictures are augmented, a batch that the
// host makes. All random numbers are drawn here from the run's generator, in the order of the steps; only the bytes are
// made elsewhere, in a thread, while a device works that leaves the host free: 1.6 ms for 100 pictures of MNIST, 3.2 of
// CIFAR-10. The CPU backend's threads take all cores, the caller's among them; there batches are made between two steps. A
// thread more costs: mnistCnn's epoch of 6000 took 11.0, 12.0, 11.7 s without, 16.9, 11.9, 15.1 s with (2 busy cores of an
// AMD EPYC, Node 20).
import type { Random } from '../numerics/random.js';
import { augment, drawAugmentation, type Augmentation } from './data/augment.js';
import { words, type LabelledBytes } from './data/dataset.js';
import { Prefetcher } from './data/prefetch.js';
import type { Backend } from './kernels.js';
import type { TrainTask } from './loop.js';
import { tensor, type Tensor } from './tensor.js';

export interface SampleSource {
  /** The bytes that the step gathers from, and the numbers of the batch's samples in them. */
  readonly samples: Tensor;
  readonly indices: Tensor;
  /** The generator as far as the steps have come, whatever is prepared ahead. */
  readonly random: TrainTask['random'];
  /** Writes what a step (from 1) of the epoch reads. */
  write(step: number): Promise<void> | void;
  close(): Promise<void> | void;
}

export interface SampleSourceOptions {
  readonly training: LabelledBytes;
  readonly inputShape: readonly number[];
  readonly batchSize: number;
  readonly augmentation: Augmentation | undefined;
  /** The epoch's order of the samples; changed between epochs only. */
  readonly order: Uint32Array;
  readonly random: Random;
}

/** Batches that are requested before they are needed. */
const AHEAD = 4;

/** @throws RangeError if what is to be augmented is no picture */
export async function sampleSource(backend: Backend, options: SampleSourceOptions): Promise<SampleSource> {
  const { training, inputShape, batchSize, augmentation, order, random } = options;
  const indices = tensor('batch indices', [batchSize], 'u32');
  const batchAt = (step: number): Uint32Array => order.subarray((step - 1) * batchSize, step * batchSize);
  if (!augmentation) {
    const data = words(training.samples);
    const samples = tensor('training samples', [data.length], 'u32');
    backend.write(samples, data);
    return { samples, indices, random, write: (step) => backend.write(indices, batchAt(step)), close: () => {} };
  }
  if (inputShape.length !== 3) {
    throw new RangeError(`"augmentation" expected height, width and channels, got [${inputShape.join(', ')}]`);
  }
  const features = inputShape.reduce((result, dimension) => result * dimension, 1);
  const samples = tensor('augmented samples', [Math.ceil((batchSize * features) / 4)], 'u32');
  backend.write(
    indices,
    Uint32Array.from({ length: batchSize }, (_, i) => i),
  );
  if (!backend.concurrent) {
    const bytes = new Uint8Array(batchSize * features);
    const write = (step: number): void => {
      batchAt(step).forEach((sample, i) => {
        const from = training.samples.subarray(sample * features, (sample + 1) * features);
        const to = bytes.subarray(i * features, (i + 1) * features);
        augment(from, to, inputShape as [number, number, number], augmentation, random);
      });
      backend.write(samples, words(bytes));
    };
    return { samples, indices, random, write, close: () => {} };
  }

  const prefetcher = await Prefetcher.create({ samples: training.samples, inputShape, augmentation, seed: 0 });
  const steps = Math.floor(training.count / batchSize);
  /** Where the generator stood before each batch that is requested and not taken. */
  const states: (readonly number[])[] = [];
  let requested = 0;
  return {
    samples,
    indices,
    random: { state: () => states[0] ?? random.state(), restore: (state) => random.restore(state) },
    async write(step) {
      // At the start of an epoch, or of what is left of one. No request goes beyond the epoch: its end shuffles the order.
      if (states.length === 0) requested = step - 1;
      while (requested < Math.min(step + AHEAD, steps)) {
        const batch = batchAt(++requested);
        states.push(random.state());
        prefetcher.request({ indices: batch, key: requested, random: random.state() });
        batch.forEach(() => drawAugmentation(augmentation, random));
      }
      const batch = await prefetcher.next();
      states.shift();
      backend.write(samples, words(batch.samples));
      prefetcher.recycle(batch);
    },
    close: () => prefetcher.dispose(),
  };
}
