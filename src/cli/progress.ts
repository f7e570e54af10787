// Progress on stderr. Of training: a bar on a terminal, plain lines elsewhere (logs, CI), one per epoch and one every 10
// seconds. Of data sets that are fetched: lines.
import { Presets, SingleBar } from 'cli-progress';
import type { DataFolderOptions, LanguageProgress, TrainProgress } from '../train/index.js';
import { count } from './text.js';

/** Of files that are fetched: a line when one starts to come, and one every 10 seconds. */
export function fetchLines(stream: NodeJS.WriteStream): NonNullable<DataFolderOptions['onProgress']> {
  let [current, last] = ['', 0];
  return ({ file, received, total }) => {
    const now = performance.now();
    if (file === current && now - last < LINE_INTERVAL) return;
    const size = total === null ? '' : ` of ${count(total)}`;
    stream.write(`fetching ${file}: ${count(received)}${size} bytes\n`);
    [current, last] = [file, now];
  };
}

/** Of a classifier or a language model. */
type Progress = TrainProgress & LanguageProgress;

export interface ProgressView {
  update(progress: Progress): void;
  /** Leaves the cursor on a line of its own. */
  stop(): void;
}

const LINE_INTERVAL = 10_000;
const FORMAT =
  '{bar} {percentage}%  epoch {place}  loss {loss}  accuracy {accuracy}{validation}  {rate}/s  {left} left';

/** @param batchSize training samples of a step */
export function trainingProgress(stream: NodeJS.WriteStream, batchSize: number): ProgressView {
  return stream.isTTY ? bar(stream, batchSize) : lines(stream, batchSize);
}

/** The numbers that bar and lines show. */
function describe(progress: Progress, batchSize: number) {
  const { epoch, epochs, step, steps, loss, accuracy, samplesPerSecond } = progress;
  const stepsLeft = epochs * steps - ((epoch - 1) * steps + step);
  return {
    place: `${epoch}/${epochs}`,
    loss: loss.toFixed(4),
    accuracy: percent(accuracy),
    validation: validationOf(progress),
    rate: `${count(Math.round(samplesPerSecond))} samples`,
    left: clock((stepsLeft * batchSize) / samplesPerSecond),
  };
}

function bar(stream: NodeJS.WriteStream, batchSize: number): ProgressView {
  const view = new SingleBar(
    // Signals are the command's own affair: it stops training and the bar with it.
    { format: FORMAT, stream, hideCursor: true, barsize: 20, linewrap: true, gracefulExit: false },
    Presets.shades_classic,
  );
  // The last epoch's validation accuracy stays on the line.
  let validation = '';
  return {
    update(progress) {
      const shown = describe(progress, batchSize);
      validation = shown.validation || validation;
      const payload = { ...shown, validation };
      const done = (progress.epoch - 1) * progress.steps + progress.step;
      if (view.isActive) view.update(done, payload);
      else view.start(progress.epochs * progress.steps, done, payload);
    },
    stop: () => view.stop(),
  };
}

function lines(stream: NodeJS.WriteStream, batchSize: number): ProgressView {
  let last = performance.now();
  return {
    update(progress) {
      const now = performance.now();
      if (progress.step < progress.steps && now - last < LINE_INTERVAL) return;
      last = now;
      const { place, loss, accuracy, validation, rate, left } = describe(progress, batchSize);
      const step = `step ${progress.step}/${progress.steps}`;
      stream.write(
        `epoch ${place}  ${step}  loss ${loss}  accuracy ${accuracy}${validation}  ${rate}/s  ${left} left\n`,
      );
    },
    stop: () => {},
  };
}

function validationOf({ validationAccuracy, validationLoss }: Progress): string {
  if (validationLoss !== undefined) return `  validation perplexity ${Math.exp(validationLoss).toPrecision(5)}`;
  return validationAccuracy === undefined ? '' : `  validation ${percent(validationAccuracy)}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** Seconds as m:ss, or h:mm:ss. */
function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
