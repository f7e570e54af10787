// One thread per element: binarization, hard tanh, their gradients, folded batch normalization with sign, and the
// inputs.
import type { KernelParams } from '../kernels.js';
import { assign, bindings, flatShader, type Shader } from './shader.js';

export function sign({ size }: KernelParams['sign']): Shader {
  return flatShader(bindings('x:f32', 'y!:f32'), size, 'y[i] = select(-1.0, 1.0, x[i] >= 0.0);');
}

export function hardTanh({ size }: KernelParams['hardTanh']): Shader {
  return flatShader(bindings('x:f32', 'y!:f32'), size, 'y[i] = clamp(x[i], -1.0, 1.0);');
}

/** The gradient of sign (straight-through) and of hard tanh alike: dy where |x| <= 1. */
export function masked({ size, accumulate }: KernelParams['signBackward']): Shader {
  const body = `dx[i] ${assign(accumulate)} select(0.0, dy[i], abs(x[i]) <= 1.0);`;
  return flatShader(bindings('x:f32', 'dy:f32', 'dx!:f32'), size, body);
}

/**
 * sign(scale * s + shift) as a comparison: a sum could be contracted with the product to a fused multiply-add on some
 * devices, which decides differently when the rounded product meets -shift exactly; a comparison cannot.
 */
export function affineSign({ rows, channels }: KernelParams['affineSign']): Shader {
  const body = `let c = i % ${channels}u;
  y[i] = select(-1.0, 1.0, affine[c] * s[i] >= -affine[${channels}u + c]);`;
  return flatShader(bindings('s:f32', 'affine:f32', 'y!:f32'), rows * channels, body);
}

export function gatherBytes({ rows, features }: KernelParams['gatherBytes']): Shader {
  const body = `let at = indices[i / ${features}u] * ${features}u + i % ${features}u;
  let byte = (data[at >> 2u] >> ((at & 3u) * 8u)) & 255u;
  out[i] = f32(2i * i32(byte) - 255i);`;
  return flatShader(bindings('data:u32', 'indices:u32', 'out!:f32'), rows * features, body);
}
