// Operators that look at one number at a time, or at one of each of two inputs.
import { type Activate, type Add, type ApplyTransform, type LookUp, valueRange } from '../../model/graph.js';
import { clamp, clampBig, constant, roundShiftBig, type Run, type Values } from '../values.js';
import { transformRows } from './transforms.js';

export function applyTransform(run: Run, operator: ApplyTransform): Values {
  const [output] = run.outputs;
  return transformRows(run, operator.transform, run.values[0], output.shape.at(-1)!, output, run.values[1]);
}

export function activate(run: Run, operator: Activate): Values {
  const [input] = run.values;
  switch (operator.function) {
    case 'sign':
      return input.map((v) => (v >= 0 ? 1 : -1));
    case 'relu':
      return input.map((v) => (v > 0 ? v : 0));
    case 'clip': {
      const [low, high] = valueRange(run.outputs[0]);
      return input.map((v) => clamp(clamp(v, operator.minimum, operator.maximum), low, high));
    }
    case 'floor':
      return input.map(Math.floor);
  }
}

export function lookUp(run: Run, operator: LookUp): Values {
  const table = constant(run, operator.table);
  const { encoding, bits } = run.inputs[0];
  return run.values[0].map((v) => {
    if (encoding === 'int8') return table[v & 255];
    return table[encoding === 'centered' ? (v + 2 ** bits - 1) / 2 : v];
  });
}

export function add(run: Run, operator: Add): Values {
  const [left, right] = run.values;
  const { minimum, maximum, shift } = operator;
  const [output] = run.outputs;
  if (output.encoding === 'float32') {
    return left.map((a, i) => Math.fround(clamp(Math.fround(a + right[i]), minimum, maximum)));
  }
  const [low, high] = valueRange(output);
  return left.map((a, i) => {
    const exact = BigInt(a) * BigInt(operator.leftMultiplier) + BigInt(right[i]) * BigInt(operator.rightMultiplier);
    const y = clampBig(roundShiftBig(exact, shift), Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    return clamp(clamp(y, minimum, maximum), low, high);
  });
}

export function convert(run: Run): Values {
  const [input] = run.values;
  const [from, to] = [run.inputs[0], run.outputs[0]];
  if (to.encoding === 'float32') return input.map((v) => Math.fround(Math.fround(from.scale) * Math.fround(v)));
  const [low, high] = valueRange(to);
  return input.map((x) => {
    if (Number.isNaN(x)) return low;
    if (to.encoding === 'centered' && to.bits === 1) return x >= 0 ? 1 : -1;
    const units = Math.fround(x / Math.fround(to.scale));
    if (to.encoding !== 'centered') return clamp(Math.floor(Math.fround(units + 0.5)), low, high);
    const half = Math.floor(Math.fround(Math.fround(units + 2 ** to.bits) / 2));
    return clamp(2 * half - 2 ** to.bits + 1, low, high);
  });
}
