// What zero padding takes away from products with patches of signs (signs.ts), whose zeros count as +1: sums y (positions, N)
// lose what the padded taps of a position's patch added, weight gradients dW (N, K * K * C) what padded positions added to a tap.
// Taps are K * K places of a kernel, positions are images * outHeight * outWidth.
import { at, int } from './record';

// @ts-ignore: decorator
@inline
function outside(place: i32, size: i32): bool {
  return <u32>place >= <u32>size;
}

// w (N, K * K * C), sums (K * K, N), N, taps, channels: the sums of each tap's weights. A task is a tap.
export function tapSums(r: usize, task: i32): void {
  const n = int(r, 2);
  const channels = <usize>int(r, 4) << 2;
  const row = <usize>int(r, 3) * channels;
  let from = at(r, 0) + <usize>task * channels;
  let to = at(r, 1) + ((<usize>task * n) << 2);
  for (let i = 0; i < n; i++) {
    let sum: f32 = 0;
    for (let c: usize = 0; c < channels; c += 4) sum += load<f32>(from + c);
    store<f32>(to, sum);
    from += row;
    to += 4;
  }
}

// sums (K * K, N), y, N, height, width, kernel, stride, padding, outHeight, outWidth. A task is a row of output pixels.
export function padSums(r: usize, task: i32): void {
  const n = <usize>int(r, 2) << 2;
  const height = int(r, 3);
  const width = int(r, 4);
  const kernel = int(r, 5);
  const outHeight = int(r, 8);
  const outWidth = int(r, 9);
  const top = (task % outHeight) * int(r, 6) - int(r, 7);
  let left = -int(r, 7);
  let to = at(r, 1) + <usize>(task * outWidth) * n;
  for (let ox = 0; ox < outWidth; ox++) {
    if (top < 0 || top + kernel > height || left < 0 || left + kernel > width) {
      let sums = at(r, 0);
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          if (outside(top + ky, height) || outside(left + kx, width)) subtract(to, sums, n);
          sums += n;
        }
      }
    }
    left += int(r, 6);
    to += n;
  }
}

// dy (positions, N), dw, N, height, width, kernel, stride, padding, outHeight, outWidth, images, channels; a task is a tap
export function padWeights(r: usize, task: i32, scratch: usize): void {
  const n = <usize>int(r, 2) << 2;
  const height = int(r, 3);
  const width = int(r, 4);
  const kernel = int(r, 5);
  const stride = int(r, 6);
  const padding = int(r, 7);
  const outHeight = int(r, 8);
  const outWidth = int(r, 9);
  const images = int(r, 10);
  const channels = int(r, 11);
  const ky = task / kernel;
  const kx = task % kernel;
  memory.fill(scratch, 0, n);
  let from = at(r, 0);
  for (let image = 0; image < images; image++) {
    for (let oy = 0; oy < outHeight; oy++) {
      const above = outside(oy * stride + ky - padding, height);
      for (let ox = 0; ox < outWidth; ox++) {
        if (above || outside(ox * stride + kx - padding, width)) subtract(scratch, from, n);
        from += n;
      }
    }
  }
  let to = at(r, 1) + ((<usize>task * channels) << 2);
  for (let i: usize = 0; i < n; i += 4) {
    const sum = load<f32>(scratch + i);
    for (let c: usize = 0; c < <usize>channels << 2; c += 4) store<f32>(to + c, load<f32>(to + c) + sum);
    to += <usize>(kernel * kernel * channels) << 2;
  }
}

/** to[i] -= from[i], float32. */
function subtract(to: usize, from: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(to + i, f32x4.sub(v128.load(to + i), v128.load(from + i)));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(to + i) - load<f32>(from + i));
}
