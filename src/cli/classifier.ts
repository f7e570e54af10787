// A model as the commands use it: one input, one array of scores out, a name for each class.
import { argmax } from '../export/agreement.js';
import {
  load,
  type Model,
  ModelFormatError,
  type TensorData,
  type TensorInfo,
  UnsupportedError,
} from '../index.node.js';
import { isModel } from '../model/decode.js';
import type { Build } from '../wasm/builds.js';
import { Failure } from './failure.js';
import { readWhole } from './files.js';

/** What --build takes. */
export type BuildChoice = Build | 'auto';

export interface ModelOptions {
  readonly build: BuildChoice;
  /** Samples per run. */
  readonly batch?: number;
}

/** Loads a model; failures name the file and the next step. */
export async function openModel(path: string, options: ModelOptions): Promise<Model> {
  const bytes = await readWhole(path, 'model');
  const { build, batch } = options;
  try {
    return await load(bytes, { ...(build !== 'auto' && { build }), ...(batch !== undefined && { batch }) });
  } catch (error) {
    if (error instanceof ModelFormatError)
      throw new Failure(`${path}: ${error.message}; ${advice(error, bytes)}`, { cause: error });
    if (error instanceof UnsupportedError && build === 'relaxed') {
      throw new Failure(`${error.message}; Node has relaxed SIMD from version 22 on, this is ${process.version}`, {
        cause: error,
      });
    }
    throw error;
  }
}

function advice(error: ModelFormatError, bytes: Uint8Array): string {
  if (error.path === 'model.version') return 'use the bitlane that made it, or export the model again';
  if (!isModel(bytes)) return 'the first argument is the model, a .qnn file';
  return 'the file is damaged or cut short: copy it or export it again';
}

/** A loaded classifier with the buffers it works in. */
export class Classifier {
  readonly model: Model;
  readonly input: TensorInfo;
  readonly output: TensorInfo;
  readonly labels: readonly string[];

  constructor(model: Model) {
    const [input, ...otherInputs] = model.inputs;
    const [output, ...otherOutputs] = model.outputs;
    if (input === undefined || output === undefined || otherInputs.length > 0 || otherOutputs.length > 0) {
      throw new Failure(
        `model "${model.name}" expected one input and one output, got ${model.inputs.length} and ${model.outputs.length}; ` +
          'the command line classifies, the library runs the others',
      );
    }
    if (output.encoding === 'centered' || output.encoding === 'levels') {
      throw new Failure(
        `model "${model.name}" expected an output of scores, got ${output.encoding} ${output.bits}-bit values`,
      );
    }
    this.model = model;
    this.input = input;
    this.output = output;
    const names = model.metadata.labels ?? [];
    this.labels = Array.from({ length: output.length }, (_, i) => names[i] ?? String(i));
  }

  /** Scores of the samples in `data`, as the model gives them. */
  run(data: TensorData): TensorData {
    return this.model.run(data)[this.output.name];
  }

  /** Class of a sample in what run() returned. */
  classOf(scores: TensorData, sample = 0): number {
    return argmax(scores, sample * this.output.length, this.output.length);
  }

  /** The real numbers that one sample's scores stand for. */
  realScores(scores: TensorData): number[] {
    return Array.from(scores.subarray(0, this.output.length), (score) => score * this.output.scale);
  }

  /** Runs some samples of zeros, so that the engine has compiled what it will before anything is timed. */
  warmUp(): void {
    const zeros = arrayOver(new ArrayBuffer(sampleBytes(this.input)), this.input);
    for (let i = 0; i < 20; i++) this.run(zeros);
  }
}

const WIDTHS = { float32: 4, int32: 4, int16: 2, int8: 1, levels: 1, centered: 1 } as const;

/** Bytes of one sample of a tensor. */
export function sampleBytes({ encoding, length }: TensorInfo): number {
  return length * WIDTHS[encoding];
}

/** The kind of array that a tensor is passed as, over `buffer`. */
export function arrayOver(buffer: ArrayBuffer, { encoding }: TensorInfo): TensorData {
  if (encoding === 'float32') return new Float32Array(buffer);
  if (encoding === 'int32') return new Int32Array(buffer);
  if (encoding === 'int16') return new Int16Array(buffer);
  return encoding === 'int8' ? new Int8Array(buffer) : new Uint8Array(buffer);
}

/** Whether an input takes one byte per element, 0 to 255: what pictures have. */
export function takesBytes(input: TensorInfo): boolean {
  return (input.encoding === 'centered' || input.encoding === 'levels') && input.bits === 8;
}
