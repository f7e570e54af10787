// Dense layers and convolutions: plain sums over taps and channels.
import type { Conv2d, ConvTranspose2d, Dense } from '../../model/graph.js';
import { hasResidual } from '../../model/operators/transforms.js';
import { constant, constantOf, type Run, type Values } from '../values.js';
import { transformRows } from './transforms.js';

export function dense(run: Run, operator: Dense): Values {
  const sums = matrixVector(run, operator.weights, run.values[0]);
  return finish(run, operator, sums);
}

/** Accumulators of weights (N, K) and a row of K values. */
export function matrixVector(run: Run, weightIndex: number, input: Values): Values {
  const weights = constant(run, weightIndex);
  const [n, k] = constantOf(run, weightIndex).shape as [number, number];
  const out = new Float64Array(n);
  for (let o = 0; o < n; o++) {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += input[i] * weights[o * k + i];
    out[o] = sum;
  }
  return out;
}

export function conv2d(run: Run, operator: Conv2d): Values {
  const [input] = run.values;
  const [height, width, channels] = run.inputs[0].shape as [number, number, number];
  const [outHeight, outWidth, n] = run.outputs[0].shape as [number, number, number];
  const [, filterHeight, filterWidth, depth] = constantOf(run, operator.weights).shape as [
    number,
    number,
    number,
    number,
  ];
  const weights = constant(run, operator.weights);
  const groupN = n / operator.groups;
  const sums = new Float64Array(outHeight * outWidth * n);
  let o = 0;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let channel = 0; channel < n; channel++) {
        const first = Math.floor(channel / groupN) * depth;
        let w = channel * filterHeight * filterWidth * depth;
        let sum = 0;
        for (let ky = 0; ky < filterHeight; ky++) {
          for (let kx = 0; kx < filterWidth; kx++) {
            const iy = y * operator.strideY + ky * operator.dilationY - operator.padTop;
            const ix = x * operator.strideX + kx * operator.dilationX - operator.padLeft;
            const inside = iy >= 0 && iy < height && ix >= 0 && ix < width;
            const at = (iy * width + ix) * channels + first;
            for (let c = 0; c < depth; c++) sum += (inside ? input[at + c] : operator.padValue) * weights[w++];
          }
        }
        sums[o++] = sum;
      }
    }
  }
  return finish(run, operator, sums);
}

export function convTranspose2d(run: Run, operator: ConvTranspose2d): Values {
  const [input] = run.values;
  const [height, width, channels] = run.inputs[0].shape as [number, number, number];
  const [outHeight, outWidth, n] = run.outputs[0].shape as [number, number, number];
  const [, filterHeight, filterWidth] = constantOf(run, operator.weights).shape as [number, number, number];
  const weights = constant(run, operator.weights);
  const sums = new Float64Array(outHeight * outWidth * n);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let ky = 0; ky < filterHeight; ky++) {
        for (let kx = 0; kx < filterWidth; kx++) {
          const oy = y * operator.strideY + ky * operator.dilationY - operator.padTop;
          const ox = x * operator.strideX + kx * operator.dilationX - operator.padLeft;
          if (oy < 0 || oy >= outHeight || ox < 0 || ox >= outWidth) continue;
          for (let channel = 0; channel < n; channel++) {
            const w = ((channel * filterHeight + ky) * filterWidth + kx) * channels;
            for (let c = 0; c < channels; c++) {
              sums[(oy * outWidth + ox) * n + channel] += input[(y * width + x) * channels + c] * weights[w + c];
            }
          }
        }
      }
    }
  }
  return finish(run, operator, sums);
}

function finish(run: Run, { transform }: Dense | Conv2d | ConvTranspose2d, sums: Values): Values {
  const [output] = run.outputs;
  const residual = hasResidual(transform) ? run.values[1] : undefined;
  const rounded = run.inputs[0].encoding === 'float32' ? sums.map(Math.fround) : sums;
  return transformRows(run, transform, rounded, output.shape.at(-1)!, output, residual);
}
