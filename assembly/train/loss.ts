// Losses of a batch, one task: a few scores per sample. Formulas: src/train/losses.ts.
import { at, float, int } from './record';

// scores, labels, loss, totals, rows, channels
export function squaredHinge(r: usize, _task: i32): void {
  const rows = int(r, 4);
  const channels = int(r, 5);
  let o = at(r, 0);
  let sum: f32 = 0;
  let right: f32 = 0;
  for (let b = 0; b < rows; b++) {
    const label = load<u32>(at(r, 1) + (<usize>b << 2));
    let best = 0;
    let highest = load<f32>(o);
    for (let c = 0; c < channels; c++) {
      const score = load<f32>(o);
      const slack = <f32>1 - (<u32>c == label ? score : -score);
      // Not max(), which would make a loss of 0 of a NaN here and hide it.
      const margin: f32 = slack < 0 ? 0 : slack;
      sum += margin * margin;
      if (score > highest) {
        highest = score;
        best = c;
      }
      o += 4;
    }
    if (<u32>best == label) right += 1;
  }
  const mean = sum / <f32>(rows * channels);
  store<f32>(at(r, 2), mean);
  const totals = at(r, 3);
  store<f32>(totals, load<f32>(totals) + mean);
  store<f32>(totals, load<f32>(totals, 4) + right, 4);
}

// scores, labels, dloss, dscores, rows, channels, accumulate; a task is a row
export function squaredHingeBackward(r: usize, task: i32): void {
  const channels = int(r, 5);
  const label = load<u32>(at(r, 1) + (<usize>task << 2));
  const factor = load<f32>(at(r, 2)) * -2 / <f32>(int(r, 4) * channels);
  let o = at(r, 0) + ((<usize>task * channels) << 2);
  let d = at(r, 3) + ((<usize>task * channels) << 2);
  for (let c = 0; c < channels; c++) {
    const t: f32 = <u32>c == label ? 1 : -1;
    const value = factor * t * max<f32>(0, 1 - t * load<f32>(o));
    store<f32>(d, int(r, 6) ? load<f32>(d) + value : value);
    o += 4;
    d += 4;
  }
}

/** Scores of a row, a vocabulary's, from which exp is taken four at a time in single precision. */
const LONG: i32 = 64;
const LOG2_E: f32 = 1.4426950408889634;
/** ln 2 in two parts, the first of few bits: its products with exponents are exact. */
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444005469057e-4;
/** exp of less is 0 here; it has no normal number. */
const LEAST: f32 = -87;

/**
 * exp of four numbers up to 88, to 2e-7 of each: 2^n times the Taylor series of degree 7 at x - n ln 2, which is at most
 * half of ln 2 from 0. NaN stays.
 */
function exp4(x: v128): v128 {
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(LOG2_E)));
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH))), f32x4.mul(n, f32x4.splat(LN2_LOW)));
  let p = f32x4.splat(1.0 / 5040);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 720));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 120));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 24));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 6));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(p, power), f32x4.lt(x, f32x4.splat(LEAST)));
}

/** log(sum(exp(x / temperature))) of `count` values. */
function logSumExp(x: usize, count: i32, temperature: f32): f32 {
  let highest: f32 = -Infinity;
  let finite = true;
  for (let c = 0; c < count; c++) {
    const value = load<f32>(x + (<usize>c << 2)) / temperature;
    if (value > highest) highest = value;
    if (value != value) finite = false;
  }
  if (!finite) return NaN;
  let sum: f64 = 0;
  let c = 0;
  if (count >= LONG) {
    const divisor = f32x4.splat(temperature);
    const offset = f32x4.splat(highest);
    let low = f64x2.splat(0);
    let high = low;
    for (; c + 4 <= count; c += 4) {
      const e = exp4(f32x4.sub(f32x4.div(v128.load(x + (<usize>c << 2)), divisor), offset));
      low = f64x2.add(low, f64x2.promote_low_f32x4(e));
      high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(e, e, 1, 1)));
    }
    const both = f64x2.add(low, high);
    sum = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
  }
  for (; c < count; c++) sum += Math.exp(load<f32>(x + (<usize>c << 2)) / temperature - highest);
  return highest + <f32>Math.log(sum);
}

// scores, labels, parts, rows, channels; a task is a row
export function crossEntropyRows(r: usize, task: i32): void {
  const channels = int(r, 4);
  const row = at(r, 0) + ((<usize>task * channels) << 2);
  const label = load<u32>(at(r, 1) + (<usize>task << 2));
  let best = 0;
  for (let c = 1; c < channels; c++) {
    if (load<f32>(row + (<usize>c << 2)) > load<f32>(row + (<usize>best << 2))) best = c;
  }
  const total = logSumExp(row, channels, 1);
  const parts = at(r, 2) + (<usize>task << 4);
  store<f32>(parts, total - load<f32>(row + (<usize>label << 2)));
  store<f32>(parts, select<f32>(1, 0, <u32>best == label), 4);
  store<f32>(parts, total, 8);
  store<f32>(parts, 0, 12);
}

// scores, labels, parts, dloss, dscores, rows, channels, accumulate; a task is a row
export function crossEntropyBackward(r: usize, task: i32): void {
  const channels = int(r, 6);
  const label = load<u32>(at(r, 1) + (<usize>task << 2));
  const total = load<f32>(at(r, 2) + (<usize>task << 4), 8);
  const factor = load<f32>(at(r, 3)) / <f32>int(r, 5);
  const row = (<usize>task * channels) << 2;
  const scores = at(r, 0) + row;
  const to = at(r, 4) + row;
  const accumulate = int(r, 7) != 0;
  let c = 0;
  if (channels >= LONG) {
    const offset = f32x4.splat(total);
    const scale = f32x4.splat(factor);
    const labels = i32x4.splat(label);
    const one = f32x4.splat(1);
    let numbers = i32x4(0, 1, 2, 3);
    for (; c + 4 <= channels; c += 4) {
      const place = <usize>c << 2;
      const share = exp4(f32x4.sub(v128.load(scores + place), offset));
      const d = f32x4.mul(scale, f32x4.sub(share, v128.and(one, i32x4.eq(numbers, labels))));
      v128.store(to + place, accumulate ? f32x4.add(v128.load(to + place), d) : d);
      numbers = i32x4.add(numbers, i32x4.splat(4));
    }
  }
  for (; c < channels; c++) {
    const place = <usize>c << 2;
    const share = <f32>Math.exp(load<f32>(scores + place) - total);
    const d = factor * (share - select<f32>(1, 0, <u32>c == label));
    store<f32>(to + place, accumulate ? load<f32>(to + place) + d : d);
  }
}

// scores, teacher, parts, rows, channels; temperature; a task is a row
export function distillationRows(r: usize, task: i32): void {
  const channels = int(r, 4);
  const temperature = float(r, 0);
  const row = (<usize>task * channels) << 2;
  const student = at(r, 0) + row;
  const teacher = at(r, 1) + row;
  const totalStudent = logSumExp(student, channels, temperature);
  const totalTeacher = logSumExp(teacher, channels, temperature);
  let sum: f32 = 0;
  for (let c: usize = 0; c < <usize>channels << 2; c += 4) {
    const log = load<f32>(teacher + c) / temperature - totalTeacher;
    sum += <f32>Math.exp(log) * (log - load<f32>(student + c) / temperature + totalStudent);
  }
  const parts = at(r, 2) + (<usize>task << 4);
  store<f32>(parts, sum * temperature * temperature);
  store<f32>(parts, 0, 4);
  store<f32>(parts, totalStudent, 8);
  store<f32>(parts, totalTeacher, 12);
}

// scores, teacher, parts, dloss, dscores, rows, channels, accumulate; temperature; a task is a row
export function distillationBackward(r: usize, task: i32): void {
  const channels = int(r, 6);
  const temperature = float(r, 0);
  const parts = at(r, 2) + (<usize>task << 4);
  const factor = (load<f32>(at(r, 3)) * temperature) / <f32>int(r, 5);
  for (let c = 0; c < channels; c++) {
    const place = (<usize>task * channels + c) << 2;
    const p = <f32>Math.exp(load<f32>(at(r, 0) + place) / temperature - load<f32>(parts, 8));
    const q = <f32>Math.exp(load<f32>(at(r, 1) + place) / temperature - load<f32>(parts, 12));
    const d = factor * (p - q);
    const to = at(r, 4) + place;
    store<f32>(to, int(r, 7) ? load<f32>(to) + d : d);
  }
}

// parts, loss, totals, rows
export function meanLoss(r: usize, _task: i32): void {
  const rows = int(r, 3);
  let sum: f32 = 0;
  let right: f32 = 0;
  for (let b = 0; b < rows; b++) {
    sum += load<f32>(at(r, 0) + (<usize>b << 4));
    right += load<f32>(at(r, 0) + (<usize>b << 4), 4);
  }
  const mean = sum / <f32>rows;
  store<f32>(at(r, 1), mean);
  const totals = at(r, 2);
  store<f32>(totals, load<f32>(totals) + mean);
  store<f32>(totals, load<f32>(totals, 4) + right, 4);
}

// a, b, loss, size
export function squaredDistance(r: usize, _task: i32): void {
  let sum: f32 = 0;
  for (let i: usize = 0; i < <usize>int(r, 3) << 2; i += 4) {
    const d = load<f32>(at(r, 0) + i) - load<f32>(at(r, 1) + i);
    sum += d * d;
  }
  store<f32>(at(r, 2), sum / (2 * <f32>int(r, 3)));
}

// a, b, dloss, da, size, accumulate
export function squaredDistanceBackward(r: usize, _task: i32): void {
  const factor = load<f32>(at(r, 2)) / <f32>int(r, 4);
  for (let i: usize = 0; i < <usize>int(r, 4) << 2; i += 4) {
    const d = factor * (load<f32>(at(r, 0) + i) - load<f32>(at(r, 1) + i));
    store<f32>(at(r, 3) + i, int(r, 5) ? load<f32>(at(r, 3) + i) + d : d);
  }
}
