// A net for CIFAR-10 whose file stays below 200 KB, of our own: six convolutions of 3 x 3 and a dense layer, 3-bit weights and
// activations of DoReFa-Net (Zhou et al. 2016), whose first and last layers are left in float there and have 7-bit weights here;
// 32 million multiply-adds a sample, which a processor trains. The loss is the softmax's cross-entropy, pictures are shifted and
// mirrored (He et al. 2015). Most channels are where the picture is small: the first convolution is the only one on all of its
// pixels. Weight decay (Loshchilov and Hutter 2019) keeps latent weights where tanh is not flat: without it nearly all of them end
// at the outermost levels.
import { adam, linearDecay } from '../optimizers.js';
import { lowBits, withPrecision } from '../spec.js';
import type { Recipe } from '../trainer.js';

type Six = readonly [number, number, number, number, number, number];

/** `channels` are the outputs of the convolutions. */
export function cifar10Tiny(channels: Six = [32, 64, 64, 128, 128, 128]): Recipe {
  return {
    name: 'cifar10-tiny',
    task: 'small photographs',
    layers: (classes) => {
      const convolutions = channels.map((outputs, i) => {
        const shape = { kernel: 3, padding: 1, pool: i === 1 || i === 3 ? 1 : 2 } as const;
        return { kind: 'conv2d', name: `conv${i + 1}`, outputs, ...shape, activation: 'sign' } as const;
      });
      const scores = { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' } as const;
      const layers = withPrecision([...convolutions, scores], lowBits('dorefa', 3, 3));
      const fine = { weights: { kind: 'dorefa', bits: 7 } } as const;
      return layers.map((layer, i) => (i === 0 || i === layers.length - 1 ? { ...layer, ...fine } : layer));
    },
    batchSize: 100,
    epochs: 20,
    validationSamples: 5000,
    learningRate: (epochs) => linearDecay(2e-3, 0, epochs),
    optimizer: () => adam({ decay: 0.02 }),
    loss: 'crossEntropy',
    stepScale: 'glorot',
    init: 'uniform',
    augmentation: { padding: 4, flip: true },
  };
}
