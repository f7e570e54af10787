// Max-pool. On packed bits the maximum is OR, on other levels the unsigned maximum of bytes, and monotone thresholds let it
// follow a product's transform. Taps outside the map have no say. Bytes are xored with a pixel's `turns` before and after: all
// ones turn the order, so that a channel gives its smallest number, and 0x80 brings int8 into the order without a sign.
//
// SIMD, per output pixel and 16 bytes: one load, one v128.xor and one v128.or or i8x16.max_u per tap. The last 16 bytes of a
// longer pixel overlap the ones before; pixels of fewer bytes go byte by byte.
import { PoolParams } from './params';

export function max_pool(params: usize, samples: i32): void {
  const p = changetype<PoolParams>(params);
  let output = p.output;
  for (let s = 0; s < samples; s++) {
    const map = p.input + <usize>s * p.inputStride;
    for (let y = 0; y < p.outHeight; y++) {
      for (let x = 0; x < p.outWidth; x++) {
        poolPixel(p, map, y * p.strideY - p.padTop, x * p.strideX - p.padLeft, output);
        output += <usize>p.pixelBytes;
      }
    }
  }
}

/** First tap that is inside when the window starts at `start`. */
// @ts-ignore: decorator
@inline
function firstTap(start: i32, dilation: i32): i32 {
  return start < 0 ? (dilation - 1 - start) / dilation : 0;
}

/** Tap behind the last that is inside. */
// @ts-ignore: decorator
@inline
function endTap(start: i32, dilation: i32, taps: i32, size: i32): i32 {
  return min(taps, (size - 1 - start) / dilation + 1);
}

function poolPixel(p: PoolParams, map: usize, y0: i32, x0: i32, output: usize): void {
  const firstY = firstTap(y0, p.dilationY);
  const firstX = firstTap(x0, p.dilationX);
  const rows = endTap(y0, p.dilationY, p.kernelHeight, p.height) - firstY;
  const columns = endTap(x0, p.dilationX, p.kernelWidth, p.width) - firstX;
  const bytes = p.pixelBytes;
  const across = <usize>(p.dilationX * bytes);
  const down = <usize>(p.dilationY * p.width * bytes);
  const corner = map + <usize>(((y0 + firstY * p.dilationY) * p.width + x0 + firstX * p.dilationX) * bytes);
  if (ASC_FEATURE_SIMD) {
    if (bytes >= 16) {
      for (let i = 0; i < bytes; i += 16) {
        const at = <usize>min(i, bytes - 16);
        const turns = v128.load(p.turns + at);
        let best = i8x16.splat(0);
        for (let ky = 0; ky < rows; ky++) {
          let from = corner + at + <usize>ky * down;
          for (let kx = 0; kx < columns; kx++) {
            const x = v128.xor(v128.load(from), turns);
            best = p.bits ? v128.or(best, x) : i8x16.max_u(best, x);
            from += across;
          }
        }
        v128.store(output + at, v128.xor(best, turns));
      }
      return;
    }
  }
  for (let i: usize = 0; i < <usize>bytes; i++) {
    const turns: u32 = load<u8>(p.turns + i);
    let best: u32 = 0;
    for (let ky = 0; ky < rows; ky++) {
      let from = corner + i + <usize>ky * down;
      for (let kx = 0; kx < columns; kx++) {
        const x = <u32>load<u8>(from) ^ turns;
        best = p.bits ? best | x : max(best, x);
        from += across;
      }
    }
    store<u8>(output + i, <u8>(best ^ turns));
  }
}
