// Every kernel of the contract in kernels.ts as a WGSL shader for given sizes.
import type { Call, KernelName, KernelParams } from '../kernels.js';
import { batchNorm, batchNormBackward } from './batchnorm.js';
import { affineSign, gatherBytes, map, mapBackward } from './elementwise.js';
import { squaredHinge, squaredHingeBackward } from './loss.js';
import { matmul } from './matmul.js';
import { adam } from './optimizer.js';
import type { GpuTraits, Shader } from './shader.js';

const SHADERS: { readonly [N in KernelName]: (params: KernelParams[N], traits: GpuTraits) => Shader } = {
  gatherBytes,
  matmul,
  map,
  mapBackward,
  batchNorm,
  batchNormBackward,
  affineSign,
  squaredHinge,
  squaredHingeBackward,
  adam,
};

export function shaderOf<N extends KernelName>(call: Call & { readonly kernel: N }, traits: GpuTraits): Shader {
  return SHADERS[call.kernel](call.params as KernelParams[N], traits);
}
