// Optimizer steps; a task is CHUNK elements. Formulas: src/train/optimizers.ts.
import { powerOfTwo } from './elementwise';
import { at, float, int } from './record';

const CHUNK: i32 = 8192;

// dw, rates, w, m, v, size, clipped; beta1, 1 - beta1, beta2, 1 - beta2, epsilon, stepScale, clip, decay
export function adam(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 5));
  const rate = float(r, 5) * load<f32>(at(r, 1));
  const correction = load<f32>(at(r, 1), 4);
  const kept = f32x4.splat(<f32>1 - float(r, 5) * float(r, 7) * load<f32>(at(r, 1), 8));
  const clipped = int(r, 6) != 0;
  const beta1 = f32x4.splat(float(r, 0));
  const rest1 = f32x4.splat(float(r, 1));
  const beta2 = f32x4.splat(float(r, 2));
  const rest2 = f32x4.splat(float(r, 3));
  const epsilon = f32x4.splat(float(r, 4));
  const rates = f32x4.splat(rate);
  const corrections = f32x4.splat(correction);
  const high = f32x4.splat(float(r, 6));
  const low = f32x4.neg(high);
  const offset = <usize>start << 2;
  let dw = at(r, 0) + offset;
  let w = at(r, 2) + offset;
  let m = at(r, 3) + offset;
  let v = at(r, 4) + offset;
  // Arrays have room for whole vectors, and what stands behind the end is only ever read here.
  for (let i = start; i < end; i += 4) {
    const g = v128.load(dw);
    const mean = f32x4.add(f32x4.mul(beta1, v128.load(m)), f32x4.mul(rest1, g));
    const square = f32x4.add(f32x4.mul(beta2, v128.load(v)), f32x4.mul(rest2, f32x4.mul(g, g)));
    v128.store(m, mean);
    v128.store(v, square);
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(square, corrections)), epsilon);
    let moved = f32x4.sub(f32x4.mul(kept, v128.load(w)), f32x4.div(f32x4.mul(rates, mean), root));
    if (clipped) moved = f32x4.max(low, f32x4.min(high, moved));
    v128.store(w, moved);
    dw += 16;
    w += 16;
    m += 16;
    v += 16;
  }
}

const PLAIN: i32 = 0;
const SHIFT_PAPER: i32 = 1;

// dw, rates, w, m, v, size, clipped, variant; beta1, 1 - beta1, beta2, epsilon, stepScale, clip
export function adaMax(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 5));
  const variant = int(r, 7);
  const epsilon = float(r, 3);
  const rate = float(r, 4) * load<f32>(at(r, 1));
  for (let i = <usize>start << 2; i < <usize>end << 2; i += 4) {
    const g = load<f32>(at(r, 0) + i);
    const m = float(r, 0) * load<f32>(at(r, 3) + i) + float(r, 1) * g;
    let v = max(float(r, 2) * load<f32>(at(r, 4) + i), abs(g));
    let direction: f32;
    if (variant == PLAIN) direction = m / (v + epsilon);
    else if (variant == SHIFT_PAPER) direction = v == 0 ? 0 : m * powerOfTwo(<f32>1 / v);
    else {
      v = powerOfTwo(v) + epsilon;
      direction = m / v;
    }
    store<f32>(at(r, 3) + i, m);
    store<f32>(at(r, 4) + i, v);
    store<f32>(at(r, 2) + i, clipped(r, load<f32>(at(r, 2) + i) - rate * direction, float(r, 5)));
  }
}

// dw, rates, w, m, size, -, clipped; momentum, decay, stepScale, clip
export function sgd(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 4));
  const rate = float(r, 2) * load<f32>(at(r, 1));
  for (let i = <usize>start << 2; i < <usize>end << 2; i += 4) {
    const w = load<f32>(at(r, 2) + i);
    const m = float(r, 0) * load<f32>(at(r, 3) + i) + load<f32>(at(r, 0) + i) + float(r, 1) * w;
    store<f32>(at(r, 3) + i, m);
    store<f32>(at(r, 2) + i, clipped(r, w - rate * m, float(r, 3)));
  }
}

// @ts-ignore: decorator
@inline
function clipped(r: usize, w: f32, clip: f32): f32 {
  return int(r, 6) ? max(-clip, min(clip, w)) : w;
}
