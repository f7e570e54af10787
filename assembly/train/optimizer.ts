// Optimizer steps; a task is CHUNK elements. Formulas: src/train/optimizers.ts.
import { at, float, int } from './record';

const CHUNK: i32 = 8192;

// dw, rates, w, m, v, size, clipped; beta1, 1 - beta1, beta2, 1 - beta2, epsilon, stepScale, clip
export function adam(r: usize, task: i32): void {
  const start = task * CHUNK;
  const end = min(start + CHUNK, int(r, 5));
  const rate = float(r, 5) * load<f32>(at(r, 1));
  const correction = load<f32>(at(r, 1), 4);
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
    let moved = f32x4.sub(v128.load(w), f32x4.div(f32x4.mul(rates, mean), root));
    if (clipped) moved = f32x4.max(low, f32x4.min(high, moved));
    v128.store(w, moved);
    dw += 16;
    w += 16;
    m += 16;
    v += 16;
  }
}
