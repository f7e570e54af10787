// A small binarized convolutional net for MNIST and data like it, of our own: convolutions of 5 x 5 and 3 x 3, each pooled
// by 2, and two dense layers. Pictures are shifted by up to two pixels while it trains. Layer order, loss, optimizer and
// clipping are those of Courbariaux et al. 2016.
import type { Recipe } from '../trainer.js';

/** `channels` are the outputs of the two convolutions, `hidden` the width of the dense layer behind them. */
export function mnistCnn(channels: readonly [number, number] = [32, 64], hidden = 128): Recipe {
  const conv = { kind: 'conv2d', pool: 2, activation: 'sign' } as const;
  return {
    name: 'mnist-cnn',
    task: 'handwritten digits',
    layers: (classes) => [
      { ...conv, name: 'conv1', outputs: channels[0], kernel: 5, padding: 2 },
      { ...conv, name: 'conv2', outputs: channels[1], kernel: 3, padding: 1 },
      { kind: 'dense', name: 'hidden', outputs: hidden, activation: 'sign' },
      { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
    ],
    batchSize: 100,
    epochs: 40,
    validationSamples: 5000,
    learningRate: { start: 3e-3, end: 1e-5 },
    stepScale: 'glorot',
    init: 'uniform',
    augmentation: { padding: 2, flip: false },
  };
}
