// A small binarized convolutional net for MNIST and data like it, of our own: 5 x 5 convolution, two of 3 x 3, one more on
// the pooled picture, and a dense layer. Most of its bits are in the convolutions: pictures of a class differ by where
// their strokes are, and a large dense layer would be most of the file. Pictures are shifted by up to two pixels while
// it trains. Layer order, loss, optimizer and clipping are those of Courbariaux et al. 2016.
import type { Recipe } from '../trainer.js';

/** `channels` are the outputs of the four convolutions. */
export function mnistCnn(channels: readonly [number, number, number, number] = [48, 64, 96, 128]): Recipe {
  const conv = { kind: 'conv2d', activation: 'sign' } as const;
  return {
    name: 'mnist-cnn',
    task: 'handwritten digits',
    layers: (classes) => [
      { ...conv, name: 'conv1', outputs: channels[0], kernel: 5, padding: 2, pool: 2 },
      { ...conv, name: 'conv2', outputs: channels[1], kernel: 3, padding: 1, pool: 1 },
      { ...conv, name: 'conv3', outputs: channels[2], kernel: 3, padding: 1, pool: 2 },
      { ...conv, name: 'conv4', outputs: channels[3], kernel: 3, padding: 1, pool: 2 },
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
