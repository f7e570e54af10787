// Adam with a scaled step and clipping of latent weights; formulas in optimizers.ts.
import type { KernelParams } from '../kernels.js';
import { bindings, f32, flatShader, type Shader } from './shader.js';

export function adam({ size, beta1, beta2, epsilon, stepScale, clip }: KernelParams['adam']): Shader {
  const declarations = bindings('dw:f32', 'rates:f32', 'w!:f32', 'm!:f32', 'v!:f32');
  const moved = `w[i] - ${f32(stepScale)} * rates[0] * mean / (sqrt(square * rates[1]) + ${f32(epsilon)})`;
  const body = `let g = dw[i];
  let mean = ${f32(beta1)} * m[i] + ${f32(1 - beta1)} * g;
  let square = ${f32(beta2)} * v[i] + ${f32(1 - beta2)} * g * g;
  m[i] = mean;
  v[i] = square;
  w[i] = ${clip === null ? moved : `clamp(${moved}, ${f32(-clip)}, ${f32(clip)})`};`;
  return flatShader(declarations, size, body);
}
