// Patches of a convolution and pooling, one thread per value of the result, or per four channels of patches where channels
// are a multiple of four. Contract and shapes: kernels.ts.
import type { KernelParams, PatchParams, PoolParams } from '../kernels.js';
import { assign, bindings, f32, flatShader, type Shader } from './shader.js';

export function im2col(p: PatchParams): Shader {
  return patchesOf(p, ['f32', 'vec4f']);
}

/** The same to f16, which holds signs and the zeros around them exactly. */
export function im2colHalf(p: PatchParams): Shader {
  return patchesOf(p, ['f16', 'vec4h']);
}

function patchesOf(p: PatchParams, [one, four]: readonly ['f32', 'vec4f'] | readonly ['f16', 'vec4h']): Shader {
  const wide = p.channels % 4 === 0;
  const [from, to] = wide ? (['vec4f', four] as const) : (['f32', one] as const);
  const channels = wide ? p.channels / 4 : p.channels;
  const columns = p.kernel * p.kernel * channels;
  const body = `let column = i % ${columns}u;
  let out = i / ${columns}u;
  let tap = column / ${channels}u;
  let image = out / ${p.outHeight * p.outWidth}u;
  let y = i32((out / ${p.outWidth}u) % ${p.outHeight}u * ${p.stride}u + tap / ${p.kernel}u) - ${p.padding}i;
  let x = i32(out % ${p.outWidth}u * ${p.stride}u + tap % ${p.kernel}u) - ${p.padding}i;
  var value = ${from}();
  if (y >= 0 && y < ${p.height}i && x >= 0 && x < ${p.width}i) {
    value = xs[((image * ${p.height}u + u32(y)) * ${p.width}u + u32(x)) * ${channels}u + column % ${channels}u];
  }
  patches[i] = ${to}(value);`;
  return flatShader(bindings(`xs:${from}`, `patches!:${to}`), p.images * p.outHeight * p.outWidth * columns, body);
}

export function col2im(p: KernelParams['col2im']): Shader {
  const body = `let c = i % ${p.channels}u;
  let x = i32((i / ${p.channels}u) % ${p.width}u);
  let y = i32((i / ${p.channels * p.width}u) % ${p.height}u);
  let image = i / ${p.channels * p.width * p.height}u;
  var sum = 0.0;
  for (var ky = 0i; ky < ${p.kernel}i; ky++) {
    let down = y + ${p.padding}i - ky;
    if (down < 0 || down % ${p.stride}i != 0 || down / ${p.stride}i >= ${p.outHeight}i) { continue; }
    for (var kx = 0i; kx < ${p.kernel}i; kx++) {
      let right = x + ${p.padding}i - kx;
      if (right < 0 || right % ${p.stride}i != 0 || right / ${p.stride}i >= ${p.outWidth}i) { continue; }
      let out = (image * ${p.outHeight}u + u32(down / ${p.stride}i)) * ${p.outWidth}u + u32(right / ${p.stride}i);
      sum += dpatches[(out * ${p.kernel * p.kernel}u + u32(ky * ${p.kernel}i + kx)) * ${p.channels}u + c];
    }
  }
  dx[i] ${assign(p.accumulate)} sum;`;
  return flatShader(bindings('dpatches:f32', 'dx!:f32'), p.images * p.height * p.width * p.channels, body);
}

export function pool(p: PoolParams): Shader {
  const [outHeight, outWidth] = [Math.floor(p.height / p.size), Math.floor(p.width / p.size)];
  const body = `let c = i % ${p.channels}u;
  let out = i / ${p.channels}u;
  let left = out % ${outWidth}u * ${p.size}u;
  let top = (out / ${outWidth}u) % ${outHeight}u * ${p.size}u + out / ${outHeight * outWidth}u * ${p.height}u;
  var result = ${p.average ? '0.0' : `x[(top * ${p.width}u + left) * ${p.channels}u + c]`};
  for (var ky = 0u; ky < ${p.size}u; ky++) {
    for (var kx = 0u; kx < ${p.size}u; kx++) {
      let value = x[((top + ky) * ${p.width}u + left + kx) * ${p.channels}u + c];
      result = ${p.average ? 'result + value' : 'max(result, value)'};
    }
  }
  y[i] = result${p.average ? ` / ${f32(p.size * p.size)}` : ''};`;
  return flatShader(bindings('x:f32', 'y!:f32'), p.images * outHeight * outWidth * p.channels, body);
}

export function poolBackward(p: KernelParams['poolBackward']): Shader {
  const [outHeight, outWidth] = [Math.floor(p.height / p.size), Math.floor(p.width / p.size)];
  // The first pixel of the window that holds the maximum gets the gradient.
  const winner = `var first = true;
    let own = (row - top) * ${p.size}u + column - left;
    for (var k = 0u; k < own; k++) {
      let other = xs[((top + k / ${p.size}u) * ${p.width}u + left + k % ${p.size}u) * ${p.channels}u + c];
      first = first && other != y[out];
    }
    d = select(0.0, dy[out], first && xs[i] == y[out]);`;
  const body = `let c = i % ${p.channels}u;
  let column = (i / ${p.channels}u) % ${p.width}u;
  let row = i / ${p.channels * p.width}u;
  let oy = row % ${p.height}u / ${p.size}u;
  let ox = column / ${p.size}u;
  var d = 0.0;
  if (oy < ${outHeight}u && ox < ${outWidth}u) {
    let out = ((row / ${p.height}u * ${outHeight}u + oy) * ${outWidth}u + ox) * ${p.channels}u + c;
    let top = row / ${p.height}u * ${p.height}u + oy * ${p.size}u;
    let left = ox * ${p.size}u;
    ${p.average ? `d = dy[out] / ${f32(p.size * p.size)};` : winner}
  }
  dx[i] ${assign(p.accumulate)} d;`;
  // Every binding of the call has to be used, or the layout lacks it.
  const use = p.average ? '_ = &xs; _ = &y;\n  ' : '';
  return flatShader(
    bindings('xs:f32', 'y:f32', 'dy:f32', 'dx!:f32'),
    p.images * p.height * p.width * p.channels,
    use + body,
  );
}
