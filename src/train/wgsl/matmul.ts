// Matrix products of float32. Lavapipe of Mesa 25.0.7 on 2 cores of an AMD EPYC, 128 x 1024 x 1024: 7 GFLOP/s by subgroups,
// against 4.4 for 4 x 4 sums per thread without broadcasts and 1 to 3 with shared memory: software Vulkan pays some 40
// cycles per load, whatever the address, and more per barrier.
import type { KernelParams } from '../kernels.js';
import { product, type HalfOperands } from './product.js';
import { assign, type GpuTraits, type Shader } from './shader.js';

/**
 * @param parts more than 1 of them are left in c (parts, m, n), whatever was there
 * @param half operands that are f16 in memory; the arithmetic is float32 all the same
 */
export function matmul(
  params: KernelParams['matmul'],
  traits: GpuTraits,
  parts = 1,
  half: HalfOperands = { a: false, b: false },
): Shader {
  const arithmetic = {
    element: 'f32',
    half,
    step: (sum: string, a: string, b: string) => `fma(${a}, ${b}, ${sum})`,
    store: (place: string, sum: string) => `${place} ${assign(params.accumulate && parts === 1)} ${sum};`,
  } as const;
  return product(params, arithmetic, traits, parts);
}
