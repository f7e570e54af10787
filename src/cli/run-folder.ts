// The folder of a training run: config.json (what was asked for), metrics.jsonl (a line per report), checkpoint.bin (the
// last checkpoint), and at the end result.json, loss.svg, accuracy.svg and report.html. Every file but the metrics is
// written whole or not at all; a process that is killed loses what came after its last checkpoint.
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../train/index.js';
import { Failure, UsageError } from './failure.js';
import { readWhole, writeWhole } from './files.js';
import { accuracyCurve, lossCurve, reportPage, type Metric } from './report.js';

export type RunConfig = Readonly<Record<string, string | number | null>>;

export class RunFolder {
  /** Where the run stands, if it is continued. */
  readonly checkpoint: Checkpoint | undefined;
  readonly #folder: string;
  readonly #config: RunConfig;
  readonly #metrics: Metric[];
  #written: Promise<void> = Promise.resolve();

  private constructor(folder: string, config: RunConfig, checkpoint: Checkpoint | undefined, metrics: Metric[]) {
    this.#folder = folder;
    this.#config = config;
    this.checkpoint = checkpoint;
    this.#metrics = metrics;
  }

  /**
   * Makes the folder of a new run, or opens that of one to be continued.
   * @throws UsageError if there is a run where a new one should be, none where one should be continued, or another one
   */
  static async open(folder: string, config: RunConfig, resume: boolean): Promise<RunFolder> {
    await mkdir(folder, { recursive: true }).catch((error: unknown) => {
      throw new Failure(`run folder "${folder}" expected to be a folder, got ${String(error)}`, { cause: error });
    });
    const path = join(folder, 'config.json');
    const known = await readFile(path, 'utf8').catch(() => undefined);
    if (!resume) {
      if (known !== undefined) {
        throw new UsageError(`run folder "${folder}" expected no run yet, got one: pass --resume or another folder`);
      }
      await writeWhole(path, text(json(config)));
      await writeWhole(join(folder, 'metrics.jsonl'), text(''));
      return new RunFolder(folder, config, undefined, []);
    }
    if (known === undefined) throw new UsageError(`run folder "${folder}" expected a run to continue, got none`);
    const earlier = JSON.parse(known) as RunConfig;
    for (const [key, value] of Object.entries(config)) {
      if (earlier[key] === value) continue;
      throw new UsageError(`--resume expected ${key} ${String(earlier[key])} as in "${path}", got ${String(value)}`);
    }
    const file = join(folder, 'checkpoint.bin');
    const there = await readFile(file).catch(() => undefined);
    const checkpoint = there && decodeCheckpoint(there, file);
    const lines = new TextDecoder().decode(await readWhole(join(folder, 'metrics.jsonl'), 'metrics')).split('\n');
    const { epoch, step } = checkpoint ?? { epoch: 1, step: 0 };
    // What came after the checkpoint is done again, and the last line may be cut short.
    const metrics = lines
      .flatMap((line) => parsed(line))
      .filter((m) => m.epoch < epoch || (m.epoch === epoch && m.step <= step));
    await writeWhole(join(folder, 'metrics.jsonl'), text(metrics.map((m) => `${JSON.stringify(m)}\n`).join('')));
    return new RunFolder(folder, config, checkpoint, metrics);
  }

  /** Appends a line to the metrics. */
  progress(progress: Metric & { readonly epochs: number }): void {
    // Without the epochs, and in one order whatever came.
    const { epoch, step, steps, loss, accuracy, validationAccuracy, validationLoss } = progress;
    const { learningRate, samplesPerSecond } = progress;
    const metric: Metric = {
      ...{ epoch, step, steps, loss, accuracy },
      ...(validationAccuracy !== undefined && { validationAccuracy }),
      ...(validationLoss !== undefined && { validationLoss }),
      ...{ learningRate, samplesPerSecond },
    };
    this.#metrics.push(metric);
    const path = join(this.#folder, 'metrics.jsonl');
    this.#written = this.#written.then(() => appendFile(path, `${JSON.stringify(metric)}\n`));
  }

  async save(checkpoint: Checkpoint): Promise<void> {
    // The metrics up to a checkpoint are on disk before it is: no line is missing after a kill.
    await this.#written;
    await writeWhole(join(this.#folder, 'checkpoint.bin'), encodeCheckpoint(checkpoint));
    await this.#draw();
  }

  /** Writes what the run came to. */
  async finish(result: Readonly<Record<string, string | number>>): Promise<void> {
    await this.#written;
    await writeWhole(join(this.#folder, 'result.json'), text(json(result)));
    await this.#draw(result);
  }

  async #draw(result: Readonly<Record<string, string | number>> = {}): Promise<void> {
    const facts = Object.fromEntries(
      Object.entries({ ...this.#config, ...result })
        .filter(([, value]) => value !== null)
        .map(([key, value]) => [key, String(value)]),
    );
    const page = reportPage(`bitlane train ${String(this.#config['recipe'])}`, facts, this.#metrics);
    await writeWhole(join(this.#folder, 'loss.svg'), text(lossCurve(this.#metrics)));
    await writeWhole(join(this.#folder, 'accuracy.svg'), text(accuracyCurve(this.#metrics)));
    await writeWhole(join(this.#folder, 'report.html'), text(page));
  }
}

function parsed(line: string): Metric[] {
  try {
    return [JSON.parse(line) as Metric];
  } catch {
    return [];
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}
