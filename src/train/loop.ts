// The training loop, whatever is trained: one program a step, learning rates by epoch, running totals that are read every
// few steps, checkpoints between two steps, and a stop on a signal or on a loss that is not finite. A task says what a
// step and an epoch are: the classifier's is in trainer.ts.
import { TrainError } from '../errors.js';
import type { Checkpoint } from './checkpoint.js';
import type { Backend, Call, Program } from './kernels.js';
import type { Optimizer, ParameterRule } from './optimizers.js';
import type { Tape } from './tape.js';
import type { Tensor } from './tensor.js';

/** A parameter with the rule by which it moves. */
export interface Moving {
  readonly tensor: Tensor;
  readonly rule: ParameterRule;
}

/** One step on a device. */
export interface Step {
  readonly program: Program;
  /** What the program was compiled from. */
  readonly calls: readonly Call[];
  /** The optimizer's state. */
  readonly state: readonly Tensor[];
}

/** What a task does in an epoch, and what its checkpoints hold. Epochs and steps count from 1. */
export interface TrainTask {
  /** What a run has to share with the checkpoint that it continues from. */
  readonly identity: Checkpoint['run'];
  readonly epochs: number;
  /** Steps of an epoch, and samples of a step. */
  readonly steps: number;
  readonly samplesPerStep: number;
  readonly optimizer: Optimizer;
  readonly learningRate: (epoch: number) => number;
  /** (2), added to by every step: its loss, and how many answers were right. Set to 0 when an epoch starts. */
  readonly totals: Tensor;
  /** Every f32 tensor that lives longer than a step, apart from `totals`: parameters, statistics, the optimizer's state. */
  readonly state: readonly Tensor[];
  /** What the epoch draws from and the host changes: the order of the samples, and the state of the generator behind it. */
  readonly order: Uint32Array;
  readonly random: { state(): readonly number[]; restore(state: readonly number[]): void };
  /** Called when an epoch starts, not when a checkpoint continues inside one: shuffles `order`, clears hidden states. */
  startEpoch(epoch: number): void;
  /** The program of an epoch's steps; asked for when an epoch starts or is continued. */
  program(epoch: number): Promise<Program> | Program;
  /** Writes what the step's program reads, but for the optimizer's rates. `count` is the number of the step in the run. */
  writeStep(epoch: number, step: number, count: number): Promise<void> | void;
  /** A figure of the epoch that ends, if the task has samples to take it from. */
  validate(): Promise<number | undefined>;
  /** The part of the network that first holds a number that is not finite, if one does. */
  firstNonFinite(): Promise<string | undefined>;
}

/** Where a loop stands; loss and accuracy are means over the current epoch so far, of the training samples. */
export interface LoopProgress {
  /** 1 .. epochs. */
  readonly epoch: number;
  readonly epochs: number;
  /** 1 .. steps. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly accuracy: number;
  /** Set at the last step of an epoch, if the task validates. */
  readonly validation?: number;
  readonly learningRate: number;
  /** Training samples per second since the start, validation included. */
  readonly samplesPerSecond: number;
}

export interface LoopOptions {
  /** Stops between two steps; the loop then throws a TrainError. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoopProgress) => void;
  /** Continues a run: same recipe, data, seed and epochs; on the same device it ends bit for bit as if never stopped. */
  readonly resume?: Checkpoint;
  /**
   * Takes a checkpoint every `checkpointSeconds`, at the end, and when `signal` stops training; less often if it is slow, so
   * that training keeps at least 49 of 50 parts of the time.
   */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => Promise<void> | void;
  /** Default 30; 0 for one at every report. */
  readonly checkpointSeconds?: number;
}

/** Steps between two reads of loss and accuracy: each read waits for the device. */
const STEPS_PER_REPORT = 10;
const CHECKPOINT_SECONDS = 30;
/** Time from one checkpoint to the next, in the time that one takes. */
const CHECKPOINT_SPACING = 50;

/**
 * Compiles the step that lowers `loss`: forward pass, backward pass, the optimizer on every parameter, and at last `after`:
 * what carries over to the next step.
 */
export async function compileStep(
  backend: Backend,
  tape: Tape,
  loss: Tensor,
  optimizer: Optimizer,
  parameters: readonly Moving[],
  after: readonly Call[] = [],
): Promise<Step> {
  const gradients = tape.backward(loss);
  const updates = parameters.map(({ tensor: w, rule }): { state: readonly Tensor[]; call: Call } => {
    const state = optimizer.init(w);
    return { state, call: optimizer.update(w, gradients.of(w), state, rule) };
  });
  const moves = updates.map(({ call }) => call);
  const calls = [...tape.forward(), ...gradients.calls, ...moves, ...after];
  const program = await backend.compile(calls);
  backend.write(gradients.seed, Float32Array.of(1));
  return { program, calls, state: updates.flatMap(({ state }) => state) };
}

/**
 * Runs the epochs of a task, from a checkpoint if `options.resume` is one. Returns what validation gave after each epoch.
 * @throws RangeError if the checkpoint is of another run
 * @throws TrainError if training was stopped, the loss stopped being finite, or the device failed
 */
export async function runEpochs(backend: Backend, task: TrainTask, options: LoopOptions = {}): Promise<number[]> {
  const { epochs, steps, samplesPerStep, totals, order, random } = task;
  const validations: number[] = [];
  const state = [...task.state, totals];
  let [epoch, step] = [1, 0];
  if (options.resume) {
    const { resume } = options;
    checkResume(resume, task.identity, state);
    for (const t of state) backend.write(t, resume.tensors[t.label]);
    order.set(resume.order);
    random.restore(resume.random);
    validations.push(...resume.validations);
    [epoch, step] = [resume.epoch, resume.step];
  } else {
    task.startEpoch(epoch);
  }
  let program = await task.program(epoch);
  const started = performance.now();
  const pause = options.checkpointSeconds ?? CHECKPOINT_SECONDS;
  let nextCheckpoint = started + 1000 * pause;
  const checkpoint = async (): Promise<void> => {
    if (!options.onCheckpoint) return;
    const start = performance.now();
    const tensors: Record<string, Float32Array> = {};
    for (const t of state) tensors[t.label] = await backend.read(t);
    const place = { epoch, step, random: random.state(), validations: [...validations] };
    await options.onCheckpoint({ run: task.identity, ...place, order: order.slice(), tensors });
    const end = performance.now();
    nextCheckpoint = pause === 0 ? end : end + Math.max(1000 * pause, CHECKPOINT_SPACING * (end - start));
  };

  const firstStep = (epoch - 1) * steps + step;
  while (epoch < epochs || step < steps) {
    if (options.signal?.aborted) {
      await checkpoint();
      stopIfAborted(options.signal);
    }
    if (step === steps) {
      [epoch, step] = [epoch + 1, 0];
      task.startEpoch(epoch);
      program = await task.program(epoch);
      backend.write(totals, new Float32Array(2));
    }
    step++;
    const learningRate = task.learningRate(epoch);
    const count = (epoch - 1) * steps + step;
    await task.writeStep(epoch, step, count);
    backend.write(task.optimizer.rates, task.optimizer.ratesAt(count, learningRate));
    program.run();
    if (step % STEPS_PER_REPORT !== 0 && step !== steps) continue;
    const [lossSum, right] = (await backend.read(totals)) as unknown as [number, number];
    const loss = lossSum / step;
    if (!Number.isFinite(loss)) {
      const part = await task.firstNonFinite();
      const where = part === undefined ? '' : `; the first layer that is not finite is "${part}"`;
      throw new TrainError(
        `loss expected a finite number, got ${loss} in epoch ${epoch}, by step ${step} of ${steps}${where}`,
      );
    }
    const validation = step === steps ? await task.validate() : undefined;
    if (validation !== undefined) validations.push(validation);
    options.onProgress?.({
      epoch,
      epochs,
      step,
      steps,
      loss,
      accuracy: right / (step * samplesPerStep),
      ...(validation === undefined ? {} : { validation }),
      learningRate,
      samplesPerSecond: ((count - firstStep) * samplesPerStep * 1000) / (performance.now() - started),
    });
    if (performance.now() >= nextCheckpoint || (epoch === epochs && step === steps)) await checkpoint();
  }
  return validations;
}

/** @throws TrainError if the signal asks to stop */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new TrainError('training was stopped', { cause: signal.reason });
}

/** @throws RangeError if a checkpoint is of another run */
function checkResume(resume: Checkpoint, identity: Checkpoint['run'], state: readonly Tensor[]): void {
  for (const key of new Set([...Object.keys(identity), ...Object.keys(resume.run)])) {
    const [expected, got] = [identity[key], resume.run[key]];
    if (got !== expected)
      throw new RangeError(`"resume" expected a run with ${key} ${expected ?? 'none'}, got ${got ?? 'none'}`);
  }
  for (const { label, size } of state) {
    const length = resume.tensors[label]?.length;
    if (length !== size)
      throw new RangeError(`"resume" expected ${size} values of "${label}", got ${length ?? 'none'}`);
  }
}
