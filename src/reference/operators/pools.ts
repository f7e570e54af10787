// Pools: windows of a map, channel by channel. Padding never counts.
import type { AvgPool, MaxPool } from '../../model/graph.js';
import { constant, type Run, type Values } from '../values.js';

/** Calls `each` with the output index, channel and values inside every window. */
function windows(run: Run, pool: MaxPool | AvgPool, each: (values: number[], channel: number) => number): Values {
  const [input] = run.values;
  const [height, width, channels] = run.inputs[0].shape as [number, number, number];
  const [outHeight, outWidth] = run.outputs[0].shape as [number, number];
  const out = new Float64Array(outHeight * outWidth * channels);
  let o = 0;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let c = 0; c < channels; c++) {
        const values: number[] = [];
        for (let ky = 0; ky < pool.height; ky++) {
          for (let kx = 0; kx < pool.width; kx++) {
            const iy = y * pool.strideY + ky - pool.padTop;
            const ix = x * pool.strideX + kx - pool.padLeft;
            if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
            values.push(input[(iy * width + ix) * channels + c]);
          }
        }
        out[o++] = each(values, c);
      }
    }
  }
  return out;
}

export function maxPool(run: Run, operator: MaxPool): Values {
  const smallest = operator.smallest === undefined ? undefined : constant(run, operator.smallest);
  return windows(run, operator, (values, c) => (smallest?.[c] === 1 ? Math.min(...values) : Math.max(...values)));
}

/** Mean of values in the output's encoding: a sum for int32 outputs of other inputs, rounded half up for integers. */
function average(run: Run, values: readonly number[]): number {
  const sum = values.reduce((a, b) => a + b, 0);
  const [from, to] = [run.inputs[0].encoding, run.outputs[0].encoding];
  if (from === 'float32') return Math.fround(sum / values.length);
  if (to === 'int32') return sum | 0;
  return Math.floor((2 * sum + values.length) / (2 * values.length));
}

export function avgPool(run: Run, operator: AvgPool): Values {
  return windows(run, operator, (values) => average(run, values));
}

export function globalAvgPool(run: Run): Values {
  const channels = run.inputs[0].shape[2];
  return Float64Array.from({ length: channels }, (_, c) =>
    average(
      run,
      Array.from(run.values[0]).filter((_, i) => i % channels === c),
    ),
  );
}
