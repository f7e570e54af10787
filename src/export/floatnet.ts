// A float32 network as plain data: what dataflow.ts quantizes. Modules stand in the order of execution; each is one product
// with what is fused behind it, or a pool. Evaluated here in plain loops, as the reference of its quantized twin.
// Letters: H, W, C of an input, O outputs, K side of a kernel; pictures are [H, W, C], filters (O, K, K, C).
import { ExportError } from '../errors.js';

/** y = relu?(W x + bias + residual). Batch normalization comes folded into weights and bias. */
export interface FloatProduct {
  readonly kind: 'dense' | 'conv2d';
  readonly name: string;
  /** Name of the module whose output it takes; default: the one before, for the first the network's input. */
  readonly input?: string;
  /** (O, I) of a dense module, whatever its input's shape; (O, K, K, C) of a convolution. */
  readonly weights: Float32Array;
  readonly outputs: number;
  /** (O). */
  readonly bias?: Float32Array;
  /** Side of the square kernel, and zeros around the picture; strides of 1. For convolutions. */
  readonly kernel?: number;
  readonly padding?: number;
  readonly relu: boolean;
  /** Name of a module whose output is added before the ReLU: an identity shortcut, or a projection of its own. */
  readonly residual?: string;
}

/** Maxima of windows of size * size that do not overlap. */
export interface FloatPool {
  readonly kind: 'maxPool';
  readonly name: string;
  readonly input?: string;
  readonly size: number;
}

export type FloatModule = FloatProduct | FloatPool;

export interface FloatNetwork {
  readonly name: string;
  readonly inputShape: readonly number[];
  /** The last module's output is the network's. */
  readonly modules: readonly FloatModule[];
}

/** A module with what follows from those before it. `from` and `residual` are places in the list, -1 for the input. */
export interface Placed<M extends FloatModule = FloatModule> {
  readonly module: M;
  readonly from: number;
  readonly residual: number | null;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Every module with its inputs and shapes. @throws ExportError naming the module that does not fit */
export function placed({ inputShape, modules }: FloatNetwork): Placed[] {
  const all: Placed[] = [];
  const find = (name: string, by: string): number => {
    const at = all.findIndex(({ module }) => module.name === name);
    if (at < 0) throw new ExportError(`module "${by}" expected a module before it as its input, got "${name}"`);
    return at;
  };
  for (const module of modules) {
    const { name } = module;
    const from = module.input === undefined ? all.length - 1 : find(module.input, name);
    const shape = from < 0 ? inputShape : all[from].outputShape;
    const outputShape = shapeBehind(module, shape);
    const residual = module.kind !== 'maxPool' && module.residual !== undefined ? find(module.residual, name) : null;
    if (residual !== null && product(all[residual].outputShape) !== product(outputShape)) {
      throw new ExportError(
        `module "${name}" expected a residual of shape [${outputShape.join(', ')}], got [${all[residual].outputShape.join(', ')}]`,
      );
    }
    all.push({ module, from, residual, inputShape: shape, outputShape });
  }
  return all;
}

function shapeBehind(module: FloatModule, shape: readonly number[]): readonly number[] {
  const [height, width, channels] = shape;
  const { name } = module;
  if (module.kind !== 'dense' && shape.length !== 3) {
    throw new ExportError(`module "${name}" expected height, width and channels, got [${shape.join(', ')}]`);
  }
  if (module.kind === 'maxPool') return [Math.floor(height / module.size), Math.floor(width / module.size), channels];
  const { kernel = 1, padding = 0, outputs } = module;
  const inputs = module.kind === 'dense' ? product(shape) : kernel * kernel * channels;
  if (module.weights.length !== outputs * inputs || (module.bias && module.bias.length !== outputs)) {
    throw new ExportError(
      `module "${name}" expected ${outputs} x ${inputs} weights and ${outputs} biases, got ${module.weights.length} and ` +
        String(module.bias?.length ?? 'none'),
    );
  }
  if (module.kind === 'dense') return [outputs];
  return [height + 2 * padding - kernel + 1, width + 2 * padding - kernel + 1, outputs];
}

type Numbers = Float64Array;

/** W x of one sample: numbers or integers, exact for integers up to 2^53. */
export function sums(
  { module, inputShape, outputShape }: Placed<FloatProduct>,
  weights: ArrayLike<number>,
  x: Numbers,
): Numbers {
  const out = new Float64Array(product(outputShape));
  const { outputs, kernel = 1, padding = 0 } = module;
  if (module.kind === 'dense') {
    for (let o = 0; o < outputs; o++) {
      let sum = 0;
      for (let i = 0; i < x.length; i++) sum += weights[o * x.length + i] * x[i];
      out[o] = sum;
    }
    return out;
  }
  const [height, width, channels] = inputShape as [number, number, number];
  const [outHeight, outWidth] = outputShape as [number, number];
  for (let y = 0; y < outHeight; y++) {
    for (let column = 0; column < outWidth; column++) {
      const at = (y * outWidth + column) * outputs;
      for (let ky = Math.max(0, padding - y); ky < Math.min(kernel, height + padding - y); ky++) {
        for (let kx = Math.max(0, padding - column); kx < Math.min(kernel, width + padding - column); kx++) {
          const pixel = ((y + ky - padding) * width + column + kx - padding) * channels;
          for (let o = 0; o < outputs; o++) {
            const w = ((o * kernel + ky) * kernel + kx) * channels;
            let sum = 0;
            for (let c = 0; c < channels; c++) sum += weights[w + c] * x[pixel + c];
            out[at + o] += sum;
          }
        }
      }
    }
  }
  return out;
}

export function maxima({ module, inputShape, outputShape }: Placed<FloatPool>, x: Numbers): Numbers {
  const [, width, channels] = inputShape as [number, number, number];
  const [, outWidth] = outputShape as [number, number];
  return new Float64Array(product(outputShape)).map((_, i) => {
    const pixel = Math.floor(i / channels);
    const [top, left] = [Math.floor(pixel / outWidth) * module.size, (pixel % outWidth) * module.size];
    let most = -Infinity;
    for (let k = 0; k < module.size ** 2; k++) {
      const place = (top + Math.floor(k / module.size)) * width + left + (k % module.size);
      most = Math.max(most, x[place * channels + (i % channels)]);
    }
    return most;
  });
}

/** Outputs of all modules for one sample. */
export function floatOutputs(modules: readonly Placed[], sample: ArrayLike<number>): Numbers[] {
  const values: Numbers[] = [];
  const input = Float64Array.from(sample);
  for (const place of modules) {
    const x = place.from < 0 ? input : values[place.from];
    if (place.module.kind === 'maxPool') {
      values.push(maxima(place as Placed<FloatPool>, x));
      continue;
    }
    const { weights, bias, relu, outputs } = place.module;
    const shortcut = place.residual === null ? null : values[place.residual];
    values.push(
      sums(place as Placed<FloatProduct>, weights, x).map((sum, i) => {
        const y = sum + (bias?.[i % outputs] ?? 0) + (shortcut?.[i] ?? 0);
        return relu ? Math.max(0, y) : y;
      }),
    );
  }
  return values;
}

/** The network's output for one sample of product(inputShape) numbers. */
export function evaluateFloat(network: FloatNetwork, sample: ArrayLike<number>): Numbers {
  return floatOutputs(placed(network), sample).at(-1)!;
}
