// Optimizers with scaled steps and clipping of latent weights; formulas in optimizers.ts.
import type { KernelParams } from '../kernels.js';
import { POWER_OF_TWO } from './elementwise.js';
import { bindings, f32, flatShader, type Shader } from './shader.js';

export function adam({ size, beta1, beta2, epsilon, stepScale, clip, decay }: KernelParams['adam']): Shader {
  const declarations = bindings('dw:f32', 'rates:f32', 'w!:f32', 'm!:f32', 'v!:f32');
  const kept = decay > 0 ? `(1.0 - ${f32(stepScale)} * ${f32(decay)} * rates[2]) * ` : '';
  const moved = `${kept}w[i] - ${f32(stepScale)} * rates[0] * mean / (sqrt(square * rates[1]) + ${f32(epsilon)})`;
  const body = `let g = dw[i];
  let mean = ${f32(beta1)} * m[i] + ${f32(1 - beta1)} * g;
  let square = ${f32(beta2)} * v[i] + ${f32(1 - beta2)} * g * g;
  m[i] = mean;
  v[i] = square;
  w[i] = ${clipped(moved, clip)};`;
  return flatShader(declarations, size, body);
}

export function sgd({ size, momentum, decay, stepScale, clip }: KernelParams['sgd']): Shader {
  const moved = `w[i] - ${f32(stepScale)} * rates[0] * mean`;
  const body = `let mean = ${f32(momentum)} * m[i] + dw[i] + ${f32(decay)} * w[i];
  m[i] = mean;
  w[i] = ${clipped(moved, clip)};`;
  return flatShader(bindings('dw:f32', 'rates:f32', 'w!:f32', 'm!:f32'), size, body);
}

export function adaMax(params: KernelParams['adaMax']): Shader {
  const { size, variant, beta1, beta2, epsilon, stepScale, clip } = params;
  const direction = {
    plain: `mean / (largest + ${f32(epsilon)})`,
    'shift-paper': 'select(mean * powerOfTwo(1.0 / largest), 0.0, largest == 0.0)',
    'shift-torch': 'mean / largest',
  }[variant];
  const moved = `w[i] - ${f32(stepScale)} * rates[0] * (${direction})`;
  const body = `let g = dw[i];
  let mean = ${f32(beta1)} * m[i] + ${f32(1 - beta1)} * g;
  var largest = max(${f32(beta2)} * v[i], abs(g));
  ${variant === 'shift-torch' ? `largest = powerOfTwo(largest) + ${f32(epsilon)};` : ''}
  m[i] = mean;
  v[i] = largest;
  w[i] = ${clipped(moved, clip)};`;
  const declarations = bindings('dw:f32', 'rates:f32', 'w!:f32', 'm!:f32', 'v!:f32');
  return flatShader(declarations + POWER_OF_TWO, size, body);
}

function clipped(moved: string, clip: number | null): string {
  return clip === null ? moved : `clamp(${moved}, ${f32(-clip)}, ${f32(clip)})`;
}
