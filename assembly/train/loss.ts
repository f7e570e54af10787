// Losses of a batch, one task: a few scores per sample. Formulas: src/train/losses.ts.
import { at, int } from './record';

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
