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

/** Copies float32, bytes / 4 of them. */
// @ts-ignore: decorator
@inline
function copyFloats(to: usize, from: usize, bytes: usize): void {
  const end = to + bytes;
  for (; to + 16 <= end; to += 16) {
    v128.store(to, v128.load(from));
    from += 16;
  }
  for (; to < end; to += 4) {
    store<f32>(to, load<f32>(from));
    from += 4;
  }
}

// @ts-ignore: decorator
@inline
function clearFloats(to: usize, bytes: usize): void {
  const end = to + bytes;
  for (; to + 16 <= end; to += 16) v128.store(to, f32x4.splat(0));
  for (; to < end; to += 4) store<f32>(to, 0);
}

// x, patches, height, width, channels, kernel, stride, padding, outHeight, outWidth; a task is a row of output pixels.
// The taps of a kernel row that are inside the image are neighbours in both, and copied as one.
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
  const run = <usize>kernel * pixel;
  const source = at(r, 0) + <usize>(image * height * width) * pixel;
  let to = at(r, 1) + (<usize>task * outWidth * kernel) * run;
  for (let ox = 0; ox < outWidth; ox++) {
    const left = ox * stride - padding;
    const first = min(max(-left, 0), kernel);
    const last = max(min(width - left, kernel), first);
    const before = <usize>first * pixel;
    const inside = <usize>(last - first) * pixel;
    for (let ky = 0; ky < kernel; ky++) {
      const y = top + ky;
      if (y >= 0 && y < height) {
        clearFloats(to, before);
        copyFloats(to + before, source + <usize>(y * width + left + first) * pixel, inside);
        clearFloats(to + before + inside, run - before - inside);
      } else {
        clearFloats(to, run);
      }
      to += run;
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
  const average = int(r, 6) != 0;
  const outHeight = height / size;
  const outWidth = width / size;
  const first = (task / outHeight) * height + (task % outHeight) * size;
  const share = <f32>1 / <f32>(size * size);
  const pixel = <usize>channels << 2;
  const line = <usize>width * pixel;
  const across = <usize>size * pixel;
  let window = at(r, 0) + <usize>first * line;
  let to = at(r, 1) + <usize>(task * outWidth) * pixel;
  for (let ox = 0; ox < outWidth; ox++) {
    let c: usize = 0;
    for (; c + 16 <= pixel; c += 16) {
      let best = f32x4.splat(-Infinity);
      let sum = f32x4.splat(0);
      let row = window + c;
      for (let ky = 0; ky < size; ky++) {
        for (let from = row; from < row + across; from += pixel) {
          const value = v128.load(from);
          // a < b ? b : a
          best = f32x4.pmax(best, value);
          sum = f32x4.add(sum, value);
        }
        row += line;
      }
      v128.store(to + c, average ? f32x4.mul(sum, f32x4.splat(share)) : best);
    }
    for (; c < pixel; c += 4) {
      let best: f32 = -Infinity;
      let sum: f32 = 0;
      let row = window + c;
      for (let ky = 0; ky < size; ky++) {
        for (let from = row; from < row + across; from += pixel) {
          const value = load<f32>(from);
          if (value > best) best = value;
          sum += value;
        }
        row += line;
      }
      store<f32>(to + c, average ? sum * share : best);
    }
    window += across;
    to += pixel;
  }
}

// x, y, dy, dx, height, width, channels, size, average, accumulate; a task is a row of input pixels
export function poolBackward(r: usize, task: i32): void {
  const height = int(r, 4);
  const width = int(r, 5);
  const channels = int(r, 6);
  const size = int(r, 7);
  const average = int(r, 8) != 0;
  const accumulate = int(r, 9) != 0;
  const outHeight = height / size;
  const outWidth = width / size;
  const oy = (task % height) / size;
  const share = <f32>1 / <f32>(size * size);
  const pixel = <usize>channels << 2;
  const line = <usize>width * pixel;
  // From the window's first row to this one.
  const down = <usize>((task % height) - oy * size) * line;
  const outLine = <usize>((task / height) * outHeight + oy) * <usize>outWidth * pixel;
  let x = at(r, 0) + <usize>task * line;
  let to = at(r, 3) + <usize>task * line;
  for (let ix = 0; ix < width; ix++) {
    const ox = ix / size;
    const inside = oy < outHeight && ox < outWidth;
    const out = outLine + <usize>ox * pixel;
    const corner = x - down - <usize>(ix - ox * size) * pixel;
    let c: usize = 0;
    for (; c + 16 <= pixel; c += 16) {
      let d = f32x4.splat(0);
      if (inside) {
        d = v128.load(at(r, 2) + out + c);
        if (average) {
          d = f32x4.mul(d, f32x4.splat(share));
        } else {
          // The gradient goes to the first maximum of the window.
          const maximum = v128.load(at(r, 1) + out + c);
          let chosen = f32x4.eq(v128.load(x + c), maximum);
          let row = corner + c;
          for (let earlier = row; earlier < x + c; ) {
            chosen = v128.andnot(chosen, f32x4.eq(v128.load(earlier), maximum));
            earlier += pixel;
            if (earlier == row + <usize>size * pixel) {
              row += line;
              earlier = row;
            }
          }
          d = v128.and(d, chosen);
        }
      }
      v128.store(to + c, accumulate ? f32x4.add(v128.load(to + c), d) : d);
    }
    for (; c < pixel; c += 4) {
      let d: f32 = 0;
      if (inside) {
        d = load<f32>(at(r, 2) + out + c);
        if (average) {
          d *= share;
        } else {
          const maximum = load<f32>(at(r, 1) + out + c);
          let chosen = load<f32>(x + c) == maximum;
          let row = corner + c;
          for (let earlier = row; earlier < x + c; ) {
            if (load<f32>(earlier) == maximum) chosen = false;
            earlier += pixel;
            if (earlier == row + <usize>size * pixel) {
              row += line;
              earlier = row;
            }
          }
          if (!chosen) d = 0;
        }
      }
      store<f32>(to + c, accumulate ? load<f32>(to + c) + d : d);
    }
    x += pixel;
    to += pixel;
  }
}
