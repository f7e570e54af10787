// Quantizers that need a statistic of a row or a tensor, and quantizers of gradients. Formulas: src/train/quantizers.ts.
import { noise, noiseSeed } from './noise';
import { at, float, int } from './record';

const MEAN_ABS: i32 = 0;
const MAX_ABS: i32 = 1;
const MAX_TANH: i32 = 2;

// x, statistic, columns, kind; a task is a row
export function rowStatistic(r: usize, task: i32): void {
  const columns = int(r, 2);
  const kind = int(r, 3);
  const row = at(r, 0) + ((<usize>task * columns) << 2);
  let sum: f32 = 0;
  let largest: f32 = 0;
  let low = load<f32>(row);
  let high = low;
  for (let c: usize = 0; c < <usize>columns << 2; c += 4) {
    const value = load<f32>(row + c);
    sum += abs(value);
    largest = max(largest, abs(value));
    low = min(low, value);
    high = max(high, value);
  }
  if (kind == MEAN_ABS) store<f32>(at(r, 1) + (<usize>task << 2), sum / <f32>columns);
  else if (kind == MAX_ABS) store<f32>(at(r, 1) + (<usize>task << 2), largest);
  else if (kind == MAX_TANH) store<f32>(at(r, 1) + (<usize>task << 2), <f32>Math.tanh(largest));
  else {
    store<f32>(at(r, 1) + (<usize>task << 3), low);
    store<f32>(at(r, 1) + (<usize>task << 3), high, 4);
  }
}

// x, scales, y, columns; a task is a row
export function scaledSign(r: usize, task: i32): void {
  const columns = int(r, 3);
  const row = (<usize>task * columns) << 2;
  const scale = load<f32>(at(r, 1) + (<usize>task << 2));
  for (let c: usize = row; c < row + (<usize>columns << 2); c += 4) {
    store<f32>(at(r, 2) + c, load<f32>(at(r, 0) + c) >= 0 ? scale : -scale);
  }
}

// x, scales, dy, dx, columns, masked, accumulate; a task is a row
export function scaledSignBackward(r: usize, task: i32): void {
  const columns = int(r, 4);
  const row = (<usize>task * columns) << 2;
  const scale = load<f32>(at(r, 1) + (<usize>task << 2));
  const share = <f32>1 / <f32>columns;
  for (let c: usize = row; c < row + (<usize>columns << 2); c += 4) {
    let slope: f32 = 1;
    if (int(r, 5)) slope = share + (abs(load<f32>(at(r, 0) + c)) <= 1 ? scale : 0);
    const d = load<f32>(at(r, 2) + c) * slope;
    store<f32>(at(r, 3) + c, int(r, 6) ? load<f32>(at(r, 3) + c) + d : d);
  }
}

const CHUNK: i32 = 8192;

// x, maximum, y, size; steps
export function tanhWeights(r: usize, task: i32): void {
  const steps = float(r, 0);
  const maximum = load<f32>(at(r, 1));
  const end = <usize>min((task + 1) * CHUNK, int(r, 3)) << 2;
  for (let i = <usize>(task * CHUNK) << 2; i < end; i += 4) {
    const unit = <f32>Math.tanh(load<f32>(at(r, 0) + i)) / (2 * maximum) + <f32>0.5;
    store<f32>(at(r, 2) + i, (2 * floor(unit * steps + <f32>0.5)) / steps - 1);
  }
}

// x, maximum, dy, dx, size, accumulate
export function tanhWeightsBackward(r: usize, task: i32): void {
  const maximum = load<f32>(at(r, 1));
  const end = <usize>min((task + 1) * CHUNK, int(r, 4)) << 2;
  for (let i = <usize>(task * CHUNK) << 2; i < end; i += 4) {
    const t = <f32>Math.tanh(load<f32>(at(r, 0) + i));
    const d = (load<f32>(at(r, 2) + i) * (1 - t * t)) / maximum;
    store<f32>(at(r, 3) + i, int(r, 5) ? load<f32>(at(r, 3) + i) + d : d);
  }
}

const DOREFA: i32 = 0;
const LOG: i32 = 1;

// dy, statistic, key, out, columns, scheme, whole (one statistic for all rows), stream; steps or levels; a task is a row
export function quantizeGradient(r: usize, task: i32): void {
  const columns = int(r, 4);
  const scheme = int(r, 5);
  const place: usize = int(r, 6) ? 0 : <usize>task;
  const seed = noiseSeed(load<u32>(at(r, 2)), <u32>int(r, 7));
  const steps = float(r, 0);
  let low: f32 = 0;
  let scale: f32 = 0;
  let maximum: f32 = 0;
  if (scheme <= LOG) maximum = load<f32>(at(r, 1) + (place << 2));
  else {
    low = load<f32>(at(r, 1) + (place << 3));
    let high = load<f32>(at(r, 1) + (place << 3), 4);
    if (int(r, 6)) {
      // Per tensor: zero is in the range and gets a step of its own.
      low = min<f32>(low, 0);
      high = max<f32>(high, 0);
      scale = steps / max<f32>(high - low, 1e-30);
      const zero = floor(-low * scale);
      if (zero > 0) scale = -zero / low;
    } else {
      low -= <f32>1e-8;
      scale = steps / (high - low);
    }
  }
  for (let c = 0; c < columns; c++) {
    const i = task * columns + c;
    const g = load<f32>(at(r, 0) + (<usize>i << 2));
    const u = noise(seed, <u32>i);
    let value: f32 = 0;
    if (scheme == DOREFA) {
      if (maximum > 0) {
        const unit = g / (2 * maximum) + <f32>0.5 + (u - <f32>0.5) / steps;
        const clipped = max<f32>(0, min<f32>(1, unit));
        value = 2 * maximum * (floor(clipped * steps + <f32>0.5) / steps - <f32>0.5);
      }
    } else if (scheme == LOG) value = logarithmic(g, maximum, steps, u);
    else value = max<f32>(0, min(steps, floor((g - low) * scale + u))) / scale + low;
    store<f32>(at(r, 3) + (<usize>i << 2), value);
  }
}

/** The power of two at or below x > 0. */
// @ts-ignore: decorator
@inline
function floorPower(x: f32): f32 {
  return reinterpret<f32>(reinterpret<u32>(x) & 0x7f800000);
}

/** |g| to one of the powers of two around it, by chance and without bias. `levels` = smallest level / largest. */
function logarithmic(g: f32, maximum: f32, levels: f32, u: f32): f32 {
  const size = abs(g);
  if (size == 0 || maximum == 0) return 0;
  let top = floorPower(maximum);
  if (top < maximum) top *= 2;
  const smallest = top * levels;
  if (size < smallest) return u < size / smallest ? copysign<f32>(smallest, g) : 0;
  const low = floorPower(size);
  return copysign<f32>(u < size / low - 1 ? 2 * low : low, g);
}

// range (rows, 2), plan (rows, 4), order, rows; one task
export function householderPlan(r: usize, _task: i32): void {
  const rows = int(r, 3);
  const order = at(r, 2);
  const plan = at(r, 1);
  // Rows by falling range, the first of equals first.
  for (let i = 0; i < rows; i++) {
    let rank = 0;
    for (let j = 0; j < rows; j++) {
      if (span(r, j) > span(r, i) || (span(r, j) == span(r, i) && j < i)) rank++;
    }
    store<f32>(order + (<usize>rank << 2), <f32>i);
    store<f32>(plan + (<usize>i << 4), <f32>i);
    store<f32>(plan + (<usize>i << 4), 1, 4);
    store<f32>(plan + (<usize>i << 4), 1, 8);
    store<f32>(plan + (<usize>i << 4), 1, 12);
  }
  let small = 0;
  let total: f32 = 0;
  for (let n = 1; n < rows; n++) {
    total = 0;
    for (let i = 0; i < rows - n; i++) total += sorted(r, i);
    if (<f32>n * sorted(r, rows - n - 1) > total) {
      small = n;
      break;
    }
  }
  if (small == 0) return;
  const large = rows - small;
  let running: f32 = 0;
  let begin = 0;
  for (let leader = 0; leader < large; leader++) {
    running += sorted(r, leader);
    let end = <i32>floor((<f32>small * running) / total + <f32>0.5);
    if (leader == large - 1) end = small;
    const size = <f32>(end - begin + 1);
    if (size > 1) {
      const root = sqrt<f32>(size);
      const near = <f32>1 / (size - root);
      let widest = max<f32>(<f32>1 / root, abs<f32>(<f32>1 - near));
      if (size > 2) widest = max<f32>(widest, near);
      const own = scaleOf(sorted(r, leader) / root);
      const others = scaleOf((sorted(r, large + begin) * widest) / (size - 1));
      const both = sqrt<f32>(<f32>1 / (own * own) + <f32>1 / (others * others));
      write(r, leader, leader, size, own * both, 1);
      for (let i = begin; i < end; i++) write(r, large + i, leader, size, others * both, 0);
    }
    begin = end;
  }
}

function write(r: usize, rank: i32, leader: i32, size: f32, scale: f32, first: f32): void {
  const to = at(r, 1) + (<usize>load<f32>(at(r, 2) + (<usize>rank << 2)) << 4);
  store<f32>(to, load<f32>(at(r, 2) + (<usize>leader << 2)));
  store<f32>(to, size, 4);
  store<f32>(to, scale, 8);
  store<f32>(to, first, 12);
}

// @ts-ignore: decorator
@inline
function span(r: usize, row: i32): f32 {
  const from = at(r, 0) + (<usize>row << 3);
  return load<f32>(from, 4) - load<f32>(from) + <f32>1e-8;
}

// @ts-ignore: decorator
@inline
function sorted(r: usize, rank: i32): f32 {
  return span(r, <i32>load<f32>(at(r, 2) + (<usize>rank << 2)));
}

// @ts-ignore: decorator
@inline
function scaleOf(x: f32): f32 {
  return <f32>Math.pow(x, -1.0 / 3.0);
}

// x, plan, y, rows, columns, inverse; a task is a row
export function householder(r: usize, task: i32): void {
  const rows = int(r, 3);
  const columns = int(r, 4);
  const inverse = int(r, 5) != 0;
  const own = at(r, 1) + (<usize>task << 4);
  const size = load<f32>(own, 4);
  const root = sqrt<f32>(size);
  // Entries of v before it has length 1: 1/sqrt(g) - 1 for the leader, 1/sqrt(g) for the others; |v|^2 = 2 - 2/sqrt(g).
  const mine: f32 = <f32>1 / root - load<f32>(own, 12);
  const factor: f32 = size > 1 ? (2 * mine) / (2 - 2 / root) : 0;
  for (let c = 0; c < columns; c++) {
    let product: f32 = 0;
    if (size > 1) {
      for (let b = 0; b < rows; b++) {
        const other = at(r, 1) + (<usize>b << 4);
        if (load<f32>(other) != load<f32>(own)) continue;
        const value = load<f32>(at(r, 0) + ((<usize>b * columns + c) << 2));
        product += (<f32>1 / root - load<f32>(other, 12)) * (inverse ? value : value * load<f32>(other, 8));
      }
    }
    const place = (<usize>task * columns + c) << 2;
    const value = load<f32>(at(r, 0) + place);
    const turned = (inverse ? value : value * load<f32>(own, 8)) - factor * product;
    store<f32>(at(r, 2) + place, inverse ? turned / load<f32>(own, 8) : turned);
  }
}
