// A small binarized convolutional net for MNIST and data like it: two convolutions of 3 x 3, each pooled by 2, and two
// dense layers. Our own sizes; layer order, loss, optimizer and clipping are those of Courbariaux et al. 2016.
import type { Recipe } from '../trainer.js';

/** `channels` are the outputs of the two convolutions, `hidden` the width of the dense layer behind them. */
export function mnistCnn(channels: readonly [number, number] = [32, 64], hidden = 256): Recipe {
  const conv = { kind: 'conv2d', kernel: 3, padding: 1, pool: 2, activation: 'sign' } as const;
  return {
    name: 'mnist-cnn',
    task: 'handwritten digits',
    layers: (classes) => [
      { ...conv, name: 'conv1', outputs: channels[0] },
      { ...conv, name: 'conv2', outputs: channels[1] },
      { kind: 'dense', name: 'hidden', outputs: hidden, activation: 'sign' },
      { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
    ],
    batchSize: 100,
    epochs: 10,
    validationSamples: 5000,
    learningRate: { start: 3e-3, end: 1e-5 },
    stepScale: 'glorot',
    init: 'uniform',
  };
}
