// What stands at the end of a classifier.
import type { Run, Values } from '../values.js';

/** Rows of the last dimension. */
function rowsOf(run: Run): Values[] {
  const width = run.inputs[0].shape.at(-1)!;
  const [values] = run.values;
  return Array.from({ length: values.length / width }, (_, r) => values.subarray(r * width, (r + 1) * width));
}

export function softmax(run: Run): Values {
  const { scale } = run.inputs[0];
  return Float64Array.from(
    rowsOf(run).flatMap((row) => {
      const largest = Math.max(...row);
      const powers = Array.from(row, (v) => Math.exp(scale * (v - largest)));
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((power) => Math.fround(power / sum));
    }),
  );
}

export function argMax(run: Run): Values {
  return Float64Array.from(rowsOf(run), (row) => row.reduce((best, v, i) => (v > row[best] ? i : best), 0));
}
