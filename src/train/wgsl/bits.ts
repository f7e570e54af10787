// Products of matrices of signs by XOR and popcount: both operands are packed to words of 32 signs (bit 1 for x >= 0, first
// value in the lowest bit, 0 behind the last), then every sum of k products is k - 2 * (number of bits that differ). Exact
// for any k: counts are u32, and the float32 results hold integers up to 2^24.
import type { KernelParams } from '../kernels.js';
import { product, type Arithmetic } from './product.js';
import { assign, bindings, flatShader, type GpuTraits, type Shader } from './shader.js';

/** Signs in a word. */
const WORD = 32;

/** Words of a row of `k` signs. */
export function wordsOf(k: number): number {
  return Math.ceil(k / WORD);
}

/** x (lines, k) f32 -> words of its signs: (lines, words), or (words, lines) if `transposed`. */
export function packSigns({ lines, k, transposed }: { lines: number; k: number; transposed: boolean }): Shader {
  const words = wordsOf(k);
  const wide = k % 4 === 0;
  const value = wide
    ? /* wgsl */ `for (var j = 0u; j < count; j += 4u) {
    let bits = vec4u(x[(first + j) / 4u] >= vec4f());
    word |= (bits.x | (bits.y << 1u) | (bits.z << 2u) | (bits.w << 3u)) << j;
  }`
    : /* wgsl */ `for (var j = 0u; j < count; j++) { word |= u32(x[first + j] >= 0.0) << j; }`;
  const body = `let line = i / ${words}u;
  let at = i % ${words}u;
  let first = line * ${k}u + at * ${WORD}u;
  let count = min(${WORD}u, ${k}u - at * ${WORD}u);
  var word = 0u;
  ${value}
  packed[${transposed ? `at * ${lines}u + line` : 'i'}] = word;`;
  return flatShader(bindings(wide ? 'x:vec4f' : 'x:f32', 'packed!:u32'), lines * words, body);
}

/** a (m, words) and b (words, n) of packed signs, c (m, n) f32: the products' sums over k signs. */
export function matmulSigns({ m, n, k, accumulate }: KernelParams['matmul'], traits: GpuTraits): Shader {
  const arithmetic: Arithmetic = {
    element: 'u32',
    step: (sum, a, b) => `${sum} + countOneBits(${a} ^ ${b})`,
    store: (place, sum, wide) =>
      `${place} ${assign(accumulate)} ${wide ? 'vec4f' : 'f32'}(${k} - 2 * ${wide ? 'vec4i' : 'i32'}(${sum}));`,
  };
  return product({ m, n, k: wordsOf(k), transposeA: false, transposeB: false }, arithmetic, traits);
}
