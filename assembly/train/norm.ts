// Batch normalization over the rows of (B, C). A task owns 16 columns and adds their rows up in order; the variance is
// taken around the mean in a second pass: sums of a first layer reach 2e5, whose squares would cancel in float32.
import { powerOfTwo } from './elementwise';
import { at, float, int } from './record';

const COLUMNS: i32 = 16;

/** Calls `four` for every four columns of a task, and `one` for those that are left. */
function eachColumn(
  r: usize,
  task: i32,
  rows: i32,
  channels: i32,
  four: (r: usize, c: i32, rows: i32, channels: i32) => void,
  one: (r: usize, c: i32, rows: i32, channels: i32) => void,
): void {
  let c = task * COLUMNS;
  const last = min(channels, c + COLUMNS);
  for (; c + 4 <= last; c += 4) four(r, c, rows, channels);
  for (; c < last; c++) one(r, c, rows, channels);
}

// x, gamma, beta, y, saved, running, rows, channels; epsilon, momentum
export function batchNorm(r: usize, task: i32): void {
  eachColumn(r, task, int(r, 6), int(r, 7), normFour, normOne);
}

function normFour(r: usize, c: i32, rows: i32, channels: i32): void {
  const here = <usize>c << 2;
  const stride = <usize>channels << 2;
  const x = at(r, 0) + here;
  let sum = f32x4.splat(0);
  for (let b: usize = 0; b < <usize>rows; b++) sum = f32x4.add(sum, v128.load(x + b * stride));
  const count = f32x4.splat(<f32>rows);
  const mean = f32x4.div(sum, count);
  let squares = f32x4.splat(0);
  for (let b: usize = 0; b < <usize>rows; b++) {
    const d = f32x4.sub(v128.load(x + b * stride), mean);
    squares = f32x4.add(squares, f32x4.mul(d, d));
  }
  const variance = f32x4.div(squares, count);
  const inverse = f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.add(variance, f32x4.splat(float(r, 0)))));
  const scale = f32x4.mul(v128.load(at(r, 1) + here), inverse);
  const shift = v128.load(at(r, 2) + here);
  const y = at(r, 3) + here;
  for (let b: usize = 0; b < <usize>rows; b++) {
    const d = f32x4.sub(v128.load(x + b * stride), mean);
    v128.store(y + b * stride, f32x4.add(f32x4.mul(d, scale), shift));
  }
  const saved = at(r, 4) + here;
  v128.store(saved, mean);
  v128.store(saved + stride, inverse);
  const momentum = f32x4.splat(float(r, 1));
  const running = at(r, 5) + here;
  move(running, mean, momentum);
  move(running + stride, variance, momentum);
}

// @ts-ignore: decorator
@inline
function move(running: usize, value: v128, momentum: v128): void {
  const old = v128.load(running);
  v128.store(running, f32x4.add(old, f32x4.mul(momentum, f32x4.sub(value, old))));
}

function normOne(r: usize, c: i32, rows: i32, channels: i32): void {
  const here = <usize>c << 2;
  const stride = <usize>channels << 2;
  const x = at(r, 0) + here;
  let sum: f32 = 0;
  for (let b: usize = 0; b < <usize>rows; b++) sum += load<f32>(x + b * stride);
  const mean = sum / <f32>rows;
  let squares: f32 = 0;
  for (let b: usize = 0; b < <usize>rows; b++) {
    const d = load<f32>(x + b * stride) - mean;
    squares += d * d;
  }
  const variance = squares / <f32>rows;
  const inverse = <f32>1 / sqrt<f32>(variance + float(r, 0));
  const scale = load<f32>(at(r, 1) + here) * inverse;
  const shift = load<f32>(at(r, 2) + here);
  const y = at(r, 3) + here;
  for (let b: usize = 0; b < <usize>rows; b++) {
    store<f32>(y + b * stride, (load<f32>(x + b * stride) - mean) * scale + shift);
  }
  const saved = at(r, 4) + here;
  store<f32>(saved, mean);
  store<f32>(saved + stride, inverse);
  const running = at(r, 5) + here;
  store<f32>(running, load<f32>(running) + float(r, 1) * (mean - load<f32>(running)));
  const spread = running + stride;
  store<f32>(spread, load<f32>(spread) + float(r, 1) * (variance - load<f32>(spread)));
}

// x, gamma, saved, dy, dx, dgamma, dbeta, rows, channels, accumulate dx, dgamma, dbeta
export function batchNormBackward(r: usize, task: i32): void {
  eachColumn(r, task, int(r, 7), int(r, 8), backwardFour, backwardOne);
}

function backwardFour(r: usize, c: i32, rows: i32, channels: i32): void {
  const here = <usize>c << 2;
  const stride = <usize>channels << 2;
  const x = at(r, 0) + here;
  const dy = at(r, 3) + here;
  const mean = v128.load(at(r, 2) + here);
  const inverse = v128.load(at(r, 2) + here + stride);
  let sum = f32x4.splat(0);
  let product = sum;
  for (let b: usize = 0; b < <usize>rows; b++) {
    const d = v128.load(dy + b * stride);
    const h = f32x4.mul(f32x4.sub(v128.load(x + b * stride), mean), inverse);
    sum = f32x4.add(sum, d);
    product = f32x4.add(product, f32x4.mul(d, h));
  }
  const scale = f32x4.mul(v128.load(at(r, 1) + here), inverse);
  const share = f32x4.splat(<f32>1 / <f32>rows);
  const meanSum = f32x4.mul(sum, share);
  const meanProduct = f32x4.mul(product, share);
  const dx = at(r, 4) + here;
  const accumulate = int(r, 9) != 0;
  for (let b: usize = 0; b < <usize>rows; b++) {
    const h = f32x4.mul(f32x4.sub(v128.load(x + b * stride), mean), inverse);
    const part = f32x4.sub(f32x4.sub(v128.load(dy + b * stride), meanSum), f32x4.mul(h, meanProduct));
    const d = f32x4.mul(scale, part);
    v128.store(dx + b * stride, accumulate ? f32x4.add(v128.load(dx + b * stride), d) : d);
  }
  const dgamma = at(r, 5) + here;
  v128.store(dgamma, int(r, 10) ? f32x4.add(v128.load(dgamma), product) : product);
  const dbeta = at(r, 6) + here;
  v128.store(dbeta, int(r, 11) ? f32x4.add(v128.load(dbeta), sum) : sum);
}

function backwardOne(r: usize, c: i32, rows: i32, channels: i32): void {
  const here = <usize>c << 2;
  const stride = <usize>channels << 2;
  const x = at(r, 0) + here;
  const dy = at(r, 3) + here;
  const mean = load<f32>(at(r, 2) + here);
  const inverse = load<f32>(at(r, 2) + here + stride);
  let sum: f32 = 0;
  let product: f32 = 0;
  for (let b: usize = 0; b < <usize>rows; b++) {
    const d = load<f32>(dy + b * stride);
    sum += d;
    product += d * ((load<f32>(x + b * stride) - mean) * inverse);
  }
  const scale = load<f32>(at(r, 1) + here) * inverse;
  const share = <f32>1 / <f32>rows;
  const dx = at(r, 4) + here;
  const accumulate = int(r, 9) != 0;
  for (let b: usize = 0; b < <usize>rows; b++) {
    const h = (load<f32>(x + b * stride) - mean) * inverse;
    const d = scale * (load<f32>(dy + b * stride) - sum * share - h * (product * share));
    store<f32>(dx + b * stride, accumulate ? load<f32>(dx + b * stride) + d : d);
  }
  const dgamma = at(r, 5) + here;
  store<f32>(dgamma, int(r, 10) ? load<f32>(dgamma) + product : product);
  const dbeta = at(r, 6) + here;
  store<f32>(dbeta, int(r, 11) ? load<f32>(dbeta) + sum : sum);
}

// Shift-based batch normalization (Courbariaux et al. 2016, Algorithm 3): every product has a power of two in it.

// x, gamma, beta, y, saved, running, rows, channels; epsilon, momentum
export function shiftNorm(r: usize, task: i32): void {
  const rows = <usize>int(r, 6);
  const stride = <usize>int(r, 7) << 2;
  const last = min(int(r, 7), (task + 1) * COLUMNS);
  for (let c = task * COLUMNS; c < last; c++) {
    const here = <usize>c << 2;
    const x = at(r, 0) + here;
    let sum: f32 = 0;
    for (let b: usize = 0; b < rows; b++) sum += load<f32>(x + b * stride);
    const mean = sum / <f32>rows;
    let squares: f32 = 0;
    for (let b: usize = 0; b < rows; b++) {
      const d = load<f32>(x + b * stride) - mean;
      squares += d * powerOfTwo(d);
    }
    const inverse = <f32>1 / sqrt<f32>(squares / <f32>rows + float(r, 0));
    const scale = powerOfTwo(load<f32>(at(r, 1) + here)) * powerOfTwo(inverse);
    const shift = load<f32>(at(r, 2) + here);
    const y = at(r, 3) + here;
    for (let b: usize = 0; b < rows; b++) {
      store<f32>(y + b * stride, (load<f32>(x + b * stride) - mean) * scale + shift);
    }
    const saved = at(r, 4) + here;
    store<f32>(saved, mean);
    store<f32>(saved + stride, inverse);
    const running = at(r, 5) + here;
    store<f32>(running, load<f32>(running) + float(r, 1) * (mean - load<f32>(running)));
    const spread = running + stride;
    store<f32>(spread, load<f32>(spread) + float(r, 1) * (inverse - load<f32>(spread)));
  }
}

// x, gamma, saved, dy, dx, dgamma, dbeta, rows, channels, accumulate dx, dgamma, dbeta
export function shiftNormBackward(r: usize, task: i32): void {
  const rows = <usize>int(r, 7);
  const stride = <usize>int(r, 8) << 2;
  const last = min(int(r, 8), (task + 1) * COLUMNS);
  for (let c = task * COLUMNS; c < last; c++) {
    const here = <usize>c << 2;
    const x = at(r, 0) + here;
    const dy = at(r, 3) + here;
    const mean = load<f32>(at(r, 2) + here);
    const s = powerOfTwo(load<f32>(at(r, 2) + here + stride));
    let sum: f32 = 0;
    let product: f32 = 0;
    let gammaSum: f32 = 0;
    for (let b: usize = 0; b < rows; b++) {
      const d = load<f32>(dy + b * stride);
      const centred = load<f32>(x + b * stride) - mean;
      sum += d;
      product += d * powerOfTwo(centred);
      gammaSum += d * powerOfTwo(centred * s);
    }
    const share = <f32>1 / <f32>rows;
    const spread = product * share * s * s;
    const scale = s * powerOfTwo(load<f32>(at(r, 1) + here));
    const dx = at(r, 4) + here;
    for (let b: usize = 0; b < rows; b++) {
      const near = powerOfTwo(load<f32>(x + b * stride) - mean);
      const d = (load<f32>(dy + b * stride) - sum * share - near * spread) * scale;
      store<f32>(dx + b * stride, int(r, 9) ? load<f32>(dx + b * stride) + d : d);
    }
    const dgamma = at(r, 5) + here;
    store<f32>(dgamma, int(r, 10) ? load<f32>(dgamma) + gammaSum : gammaSum);
    const dbeta = at(r, 6) + here;
    store<f32>(dbeta, int(r, 11) ? load<f32>(dbeta) + sum : sum);
  }
}
