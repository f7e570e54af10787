// Products of matrices of signs by XOR and popcount: both operands are packed to words of 32 signs (bit 1 for x >= 0, first
// value in the lowest bit, 0 behind the last), then every sum of k products is k - 2 * (number of bits that differ). Exact
// for any k: counts are u32, and the float32 results hold integers up to 2^24.
//
// Patches of pictures of signs are packed from the picture. Zeros around it have no bit: they are packed as +1, and what
// that adds to a sum, the filter's weights that lie outside, is taken off where sums are stored. It differs by pixel and
// filter alone, and is made of the sums of a filter's weights over the channels of one place (tapSums).
import type { KernelParams, PatchParams } from '../kernels.js';
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

/** x (images * H * W, C) of signs -> the words of its patches, (images * OH * OW, words); zeros around it are +1. */
export function packPatches(p: PatchParams): Shader {
  const { channels, kernel } = p;
  const k = kernel * kernel * channels;
  const words = wordsOf(k);
  /** The x-index of channel 0 at a tap's place, and whether that is in the picture. */
  const place = (tap: string): string => `let y = top + i32(${tap} / ${kernel}u);
    let x = left + i32(${tap} % ${kernel}u);
    let inside = y >= 0 && y < ${p.height}i && x >= 0 && x < ${p.width}i;
    let pixel = u32((image + y) * ${p.width}i + x) * ${channels}u;`;
  // A word of 32 channels lies in one tap.
  const bits =
    channels % WORD === 0
      ? `let tap = first / ${channels}u;
    ${place('tap')}
    if (inside) {
      let quad = (pixel + first % ${channels}u) / 4u;
      word = 0u;
      for (var j = 0u; j < ${WORD / 4}u; j++) {
        let four = vec4u(xs[quad + j] >= vec4f());
        word |= (four.x | (four.y << 1u) | (four.z << 2u) | (four.w << 3u)) << (4u * j);
      }
    }`
      : `for (var j = 0u; j < min(${WORD}u, ${k}u - first); j++) {
    let tap = (first + j) / ${channels}u;
    ${place('tap')}
    if (!inside) { continue; }
    if (xs[pixel + (first + j) % ${channels}u] < 0.0) { word &= ~(1u << j); }
  }
  word &= 0xffffffffu >> (${WORD}u - min(${WORD}u, ${k}u - first));`;
  const body = `let first = i % ${words}u * ${WORD}u;
  let out = i / ${words}u;
  let image = i32(out / ${p.outHeight * p.outWidth}u) * ${p.height}i;
  let top = i32(out / ${p.outWidth}u % ${p.outHeight}u * ${p.stride}u) - ${p.padding}i;
  let left = i32(out % ${p.outWidth}u * ${p.stride}u) - ${p.padding}i;
  var word = 0xffffffffu;
  ${bits}
  packed[i] = word;`;
  const type = channels % WORD === 0 ? 'vec4f' : 'f32';
  return flatShader(bindings(`xs:${type}`, 'packed!:u32'), p.images * p.outHeight * p.outWidth * words, body);
}

/** w (n, K * K * C), sums (K * K, n): sums of each filter's weights over the channels of a tap. */
export function tapSums(n: number, { kernel, channels }: PatchParams): Shader {
  const taps = kernel * kernel;
  const body = `let first = i % ${n}u * ${taps * channels}u + i / ${n}u * ${channels}u;
  var sum = 0.0;
  for (var c = 0u; c < ${channels}u; c++) { sum += w[first + c]; }
  sums[i] = sum;`;
  return flatShader(bindings('w:f32', 'sums!:f32'), taps * n, body);
}

/**
 * a (m, words) and b (words, n) of packed signs, c (m, n) f32: the products' sums over k signs. Where a is the padded patches
 * `padded`, taps (K * K, n) of tapSums() come fourth.
 */
export function matmulSigns(
  { m, n, k, accumulate }: KernelParams['matmul'],
  traits: GpuTraits,
  padded?: PatchParams,
): Shader {
  const arithmetic: Arithmetic = {
    element: 'u32',
    step: (sum, a, b) => `${sum} + countOneBits(${a} ^ ${b})`,
    store: (place, sum, wide, row, column) => {
      const sums = `${wide ? 'vec4f' : 'f32'}(${k} - 2 * ${wide ? 'vec4i' : 'i32'}(${sum}))`;
      return `${place} ${assign(accumulate)} ${padded ? `${sums} - outside(${row}, ${column})` : sums};`;
    },
    ...(padded && { more: (wide: boolean) => outside(padded, n, wide) }),
  };
  return product({ m, n, k: wordsOf(k), transposeA: false, transposeB: false }, arithmetic, traits);
}

/** outside(row, column): the sum of a filter's weights that lie outside the picture at an output pixel. */
function outside(p: PatchParams, n: number, wide: boolean): NonNullable<ReturnType<NonNullable<Arithmetic['more']>>> {
  const type = wide ? 'vec4f' : 'f32';
  const code = /* wgsl */ `
fn outside(row: u32, column: u32) -> ${type} {
  let top = i32(row / ${p.outWidth}u % ${p.outHeight}u * ${p.stride}u) - ${p.padding}i;
  let left = i32(row % ${p.outWidth}u * ${p.stride}u) - ${p.padding}i;
  var sum = ${type}();
  if (min(top, left) >= 0 && top + ${p.kernel}i <= ${p.height}i && left + ${p.kernel}i <= ${p.width}i) { return sum; }
  for (var tap = 0u; tap < ${p.kernel * p.kernel}u; tap++) {
    let y = top + i32(tap / ${p.kernel}u);
    let x = left + i32(tap % ${p.kernel}u);
    if (y >= 0 && y < ${p.height}i && x >= 0 && x < ${p.width}i) { continue; }
    sum += taps[(tap * ${n}u + column)${wide ? ' / 4u' : ''}];
  }
  return sum;
}`;
  return { binding: `taps:${type}`, code };
}
