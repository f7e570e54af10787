// Convolution as a matrix product over patches, and pooling; activations are (B * H * W, C) with channels side by side.
import { at, int } from './record';

/** to[0 .. count - 1] += from[...], float32. */
function addTo(to: usize, from: usize, count: i32): void {
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    to += 16;
    from += 16;
  }
  for (; i < count; i++) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    to += 4;
    from += 4;
  }
}

// x, patches, height, width, channels, kernel, stride, padding, outHeight, outWidth; a task is a row of output pixels
export function im2col(r: usize, task: i32): void {
  const height = int(r, 2);
  const width = int(r, 3);
  const channels = int(r, 4);
  const kernel = int(r, 5);
  const stride = int(r, 6);
  const padding = int(r, 7);
  const outHeight = int(r, 8);
  const outWidth = int(r, 9);
  const image = task / outHeight;
  const top = (task % outHeight) * stride - padding;
  const pixel = <usize>channels << 2;
  let to = at(r, 1) + (<usize>task * outWidth * kernel * kernel) * pixel;
  for (let ox = 0; ox < outWidth; ox++) {
    for (let ky = 0; ky < kernel; ky++) {
      const y = top + ky;
      for (let kx = 0; kx < kernel; kx++) {
        const x = ox * stride - padding + kx;
        if (y >= 0 && y < height && x >= 0 && x < width) {
          memory.copy(to, at(r, 0) + <usize>((image * height + y) * width + x) * pixel, pixel);
        } else {
          memory.fill(to, 0, pixel);
        }
        to += pixel;
      }
    }
  }
}

// dpatches, dx, height, width, channels, kernel, stride, padding, outHeight, outWidth, accumulate; a task is a row of
// input pixels
export function col2im(r: usize, task: i32): void {
  const height = int(r, 2);
  const width = int(r, 3);
  const channels = int(r, 4);
  const kernel = int(r, 5);
  const stride = int(r, 6);
  const padding = int(r, 7);
  const outHeight = int(r, 8);
  const outWidth = int(r, 9);
  const image = task / height;
  const y = task % height;
  const pixel = <usize>channels << 2;
  let to = at(r, 1) + <usize>task * width * pixel;
  for (let x = 0; x < width; x++) {
    if (!int(r, 10)) memory.fill(to, 0, pixel);
    for (let ky = 0; ky < kernel; ky++) {
      const down = y + padding - ky;
      if (down < 0 || down % stride != 0 || down / stride >= outHeight) continue;
      for (let kx = 0; kx < kernel; kx++) {
        const right = x + padding - kx;
        if (right < 0 || right % stride != 0 || right / stride >= outWidth) continue;
        const place = (image * outHeight + down / stride) * outWidth + right / stride;
        addTo(to, at(r, 0) + (<usize>place * kernel * kernel + ky * kernel + kx) * pixel, channels);
      }
    }
    to += pixel;
  }
}

// x, y, height, width, channels, size, average; a task is a row of output pixels
export function pool(r: usize, task: i32): void {
  const height = int(r, 2);
  const width = int(r, 3);
  const channels = int(r, 4);
  const size = int(r, 5);
  const outHeight = height / size;
  const outWidth = width / size;
  const first = (task / outHeight) * height + (task % outHeight) * size;
  const share = <f32>1 / <f32>(size * size);
  for (let ox = 0; ox < outWidth; ox++) {
    for (let c = 0; c < channels; c++) {
      let best: f32 = -Infinity;
      let sum: f32 = 0;
      for (let ky = 0; ky < size; ky++) {
        let from = at(r, 0) + (<usize>(((first + ky) * width + ox * size) * channels + c) << 2);
        for (let kx = 0; kx < size; kx++) {
          const value = load<f32>(from);
          if (value > best) best = value;
          sum += value;
          from += <usize>channels << 2;
        }
      }
      store<f32>(at(r, 1) + (<usize>((task * outWidth + ox) * channels + c) << 2), int(r, 6) ? sum * share : best);
    }
  }
}

// x, y, dy, dx, height, width, channels, size, average, accumulate; a task is a row of input pixels
export function poolBackward(r: usize, task: i32): void {
  const height = int(r, 4);
  const width = int(r, 5);
  const channels = int(r, 6);
  const size = int(r, 7);
  const outHeight = height / size;
  const outWidth = width / size;
  const image = task / height;
  const oy = (task % height) / size;
  const share = <f32>1 / <f32>(size * size);
  for (let x = 0; x < width; x++) {
    const ox = x / size;
    const inside = oy < outHeight && ox < outWidth;
    for (let c = 0; c < channels; c++) {
      let d: f32 = 0;
      if (inside) {
        const out = <usize>(((image * outHeight + oy) * outWidth + ox) * channels + c) << 2;
        d = load<f32>(at(r, 2) + out);
        if (int(r, 8)) d *= share;
        else if (!isFirst(r, image * height + oy * size, ox * size, task, x, c, load<f32>(at(r, 1) + out))) d = 0;
      }
      const to = at(r, 3) + (<usize>((task * width + x) * channels + c) << 2);
      store<f32>(to, int(r, 9) ? load<f32>(to) + d : d);
    }
  }
}

/** Whether pixel (row, x) is the first in its window that holds the maximum. */
function isFirst(r: usize, top: i32, left: i32, row: i32, x: i32, c: i32, maximum: f32): bool {
  const width = int(r, 5);
  const channels = int(r, 6);
  const size = int(r, 7);
  for (let wy = top; wy < top + size; wy++) {
    for (let wx = left; wx < left + size; wx++) {
      if (load<f32>(at(r, 0) + (<usize>((wy * width + wx) * channels + c) << 2)) == maximum) return wy == row && wx == x;
    }
  }
  return false;
}
