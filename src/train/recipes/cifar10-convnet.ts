// The net of Courbariaux et al. 2016 for CIFAR-10: (2 x 128C3)-MP2-(2 x 256C3)-MP2-(2 x 512C3)-MP2-(2 x 1024FC)-10, batches
// of 50, 500 epochs. 617 million multiply-adds a sample: a task for a GPU.
import { cosineDecay } from '../optimizers.js';
import { withPrecision } from '../spec.js';
import type { Recipe } from '../trainer.js';

/** Outputs of the six convolutions and of the two hidden dense layers. */
type Widths = readonly [number, number, number, number, number, number, number, number];

const PAPER: Widths = [128, 128, 256, 256, 512, 512, 1024, 1024];

/** The paper's net, or one of other widths: a quarter of them trains on a processor within hours. */
export function cifar10Convnet(widths: Widths = PAPER): Recipe {
  const conv = (outputs: number, i: number) => {
    const shape = { kernel: 3, padding: 1, pool: i % 2 === 0 ? 1 : 2 } as const;
    return { kind: 'conv2d', name: `conv${i + 1}`, outputs, ...shape, activation: 'sign' } as const;
  };
  const dense = (outputs: number, i: number) => {
    return { kind: 'dense', name: `hidden${i + 1}`, outputs, activation: 'sign' } as const;
  };
  return {
    name: 'cifar10-convnet',
    task: 'small photographs',
    layers: (classes) => [
      ...widths.slice(0, 6).map(conv),
      ...widths.slice(6).map(dense),
      { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
    ],
    batchSize: 50,
    epochs: 500,
    validationSamples: 5000,
    learningRate: { start: 1e-3, end: 3e-7 },
    stepScale: 'glorot',
    init: 'uniform',
  };
}

/**
 * The same net with what has come since: pictures shifted by up to four pixels and mirrored (He et al. 2015), Bi-Real's slope of
 * the sign (Liu et al. 2018), the softmax's cross-entropy, a cosine. Measured at a quarter of its widths: models/README.md.
 */
export function cifar10ConvnetBetter(widths: Widths = PAPER): Recipe {
  const recipe = cifar10Convnet(widths);
  return {
    ...recipe,
    layers: (classes) => withPrecision(recipe.layers(classes), { activation: { kind: 'approximateSign' } }),
    loss: 'crossEntropy',
    augmentation: { padding: 4, flip: true },
    learningRate: (epochs) => cosineDecay(1e-3, 1e-6, epochs),
  };
}
