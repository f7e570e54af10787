// A binary residual net for CIFAR-10 after Bi-Real Net (Liu et al. 2018): binary convolutions of 3 x 3, each with a shortcut of its
// own, beside a stream of 16-bit integers; 64, 128 and 256 channels at 32, 16 and 8 pixels, means over the picture and a dense
// layer. Bi-Real keeps real weights in the first and last layer and its down-sampling shortcuts; here all are binary, and the
// shortcuts have none. 0.4 billion multiply-adds a sample: a task for a GPU.
import { cosineDecay, warmUp } from '../optimizers.js';
import { withPrecision, type LayerSpec } from '../spec.js';
import type { Recipe } from '../trainer.js';

/** Outputs of the convolutions of each stage. */
type Widths = readonly [number, number, number];

const OWN: Widths = [64, 128, 256];

/** A quarter of its own widths trains on a processor. Each stage has as many `convolutions`. */
export function cifar10Resnet(widths: Widths = OWN, convolutions = 4): Recipe {
  const activation = { kind: 'approximateSign' } as const;
  const conv = (name: string, outputs: number, stride: 1 | 2): LayerSpec => {
    return { kind: 'residual', name, outputs, kernel: 3, stride, activation };
  };
  return {
    name: 'cifar10-resnet',
    task: 'small photographs',
    layers: (classes) => [
      conv('stem', widths[0], 1),
      ...widths.flatMap((outputs, stage) =>
        Array.from({ length: convolutions }, (_, i) => {
          return conv(`stage${stage + 1}/conv${i + 1}`, outputs, stage > 0 && i === 0 ? 2 : 1);
        }),
      ),
      { kind: 'dense', name: 'scores', outputs: classes, activation: 'none' },
    ],
    batchSize: 100,
    epochs: 100,
    validationSamples: 5000,
    learningRate: (epochs) => cosineDecay(3e-3, 1e-6, epochs),
    stepScale: 'glorot',
    init: 'uniform',
    augmentation: { padding: 4, flip: true },
  };
}

/**
 * The same net for longer, with what Bi-Real and later work do: activations are signs from the start, weights become so over
 * the run (AQE's blend, Chen et al. 2020), the softmax's cross-entropy, warm-up, settled statistics.
 */
export function cifar10ResnetBetter(widths: Widths = OWN, convolutions = 4): Recipe {
  const recipe = cifar10Resnet(widths, convolutions);
  return {
    ...recipe,
    layers: (classes) => withPrecision(recipe.layers(classes), { weights: { kind: 'sign', aqe: { alpha: 'ramp' } } }),
    loss: 'crossEntropy',
    epochs: 300,
    learningRate: (epochs) => warmUp(Math.min(5, epochs / 8), cosineDecay(3e-3, 1e-6, epochs)),
    settleBatches: 300,
  };
}
