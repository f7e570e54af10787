// Damages small models of every kind and holds what comes out to one rule: a ModelFormatError or UnsupportedError, or a model
// that runs within its memory and gives what the reference gives; weights that carry a digest are never other weights.
import * as assert from 'uvu/assert';
import { ModelFormatError, UnsupportedError } from '../../src/errors.js';
import { addDigests, verifyDigests } from '../../src/model/digests.js';
import type { Graph } from '../../src/model/graph.js';
import { readModel } from '../../src/model/read.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/model/validate.js';
import { writeModel } from '../../src/model/write.js';
import { PAGE, planGraph } from '../../src/plan/plan.js';
import { evaluate } from '../../src/reference/evaluate.js';
import { Model } from '../../src/runtime/model.js';
import { type Build, BUILDS, supports } from '../../src/wasm/builds.js';
import { describeKernels, type Instance, instantiateKernels } from '../../src/wasm/instantiate.js';
import { CASES, randomCase } from '../helpers/cases.js';
import { compareNumbers, moduleOf } from '../helpers/models.js';
import { randomInts } from '../helpers/random.js';
import { randomSample, zoo } from '../helpers/zoo.js';
import { mutate, placesOf } from './mutate.js';

/** Small enough for a run of less than some ten milliseconds. */
const LIMITS: Limits = { ...DEFAULT_LIMITS, bytes: 1 << 16, memory: 1 << 17, work: 1 << 18 };
const PAGES = 512;
/** Bytes behind a plan's memory that nobody may touch. */
const GUARD = 4096;
const FILLER = 0xa5;
/** No case may take longer. */
const MOST_MILLISECONDS = 2000;
/** One of so many survivors is compared with the reference, and one with its digests. */
const COMPARED = 4;

export interface FuzzResult {
  readonly count: number;
  readonly rejected: number;
  readonly ran: number;
  readonly failures: readonly { readonly case: number; readonly model: string; readonly error: string }[];
  readonly seconds: number;
}

interface Base {
  readonly name: string;
  readonly graph: Graph;
  readonly file: Uint8Array;
  readonly places: ReturnType<typeof placesOf>;
}

async function bases(): Promise<Base[]> {
  const graphs = [...zoo.values()];
  for (const kind of Object.keys(CASES)) {
    for (let seed = 1; seed <= 6; seed++) {
      const graph = randomCase(kind, seed);
      if (graph !== undefined && writeModel(graph).length < 6000) graphs.push(graph);
    }
  }
  return Promise.all(
    graphs.map(async (plain, i) => {
      const graph = i % 4 === 0 ? await addDigests(plain) : plain;
      const file = writeModel(graph);
      return { name: graph.name, graph, file, places: placesOf(file) };
    }),
  );
}

/** Kernels over one memory that all cases of a build share: what a case reads of another's would differ from the reference. */
class Arena {
  readonly instance: Instance;
  readonly base: number;

  constructor(readonly build: Build) {
    const module = moduleOf(build);
    this.base = describeKernels(module).heapBase;
    this.instance = instantiateKernels(module, PAGES);
    new Uint8Array(this.instance.memory.buffer).fill(FILLER, this.base);
  }
}

/** @throws whatever a case must not do */
function runGraph(arena: Arena, graph: Graph, file: Uint8Array, seed: number): void {
  const { instance, build } = arena;
  const plan = planGraph(graph, {
    base: arena.base,
    batch: 1 + (seed % 2),
    fileBytes: file.length,
    constantOffset: (constant) => constant.data.byteOffset - file.byteOffset,
    choice: {
      simd: build !== 'scalar',
      relaxed: build === 'relaxed',
      kernel: seed % 3 === 0 ? 'popcount' : 'table',
      block: 8,
    },
  });
  const { total } = plan.memory;
  assert.ok(total + GUARD <= PAGES * PAGE, `a plan of ${total} bytes for a file of ${file.length}`);
  const guard = new Uint8Array(instance.memory.buffer).subarray(total, total + GUARD);
  guard.fill(FILLER);
  const model = new Model(graph, plan, instance, file, build);
  const sample = randomSample(graph, seed);
  const names = graph.inputs.map((index) => graph.tensors[index].name);
  const got = model.run(Object.fromEntries(names.map((name, i) => [name, sample[i]])));
  assert.ok(
    guard.every((byte) => byte === FILLER),
    'bytes behind the memory were written',
  );
  if (seed % COMPARED !== 0) return;
  const wanted = evaluate(graph, sample);
  graph.outputs.forEach((index, o) => {
    const { name, encoding } = graph.tensors[index];
    compareNumbers(name, got[name], wanted[o], encoding === 'float32');
  });
}

/** A digest that still stands for other data than before must be found. */
async function checkDigests(before: Graph, after: Graph): Promise<void> {
  try {
    await verifyDigests(after);
  } catch (error) {
    if (error instanceof ModelFormatError) return;
    throw error;
  }
  const known = new Map(before.constants.map(({ sha256, data }) => [String(sha256), data]));
  for (const { sha256, data, name } of after.constants) {
    const original = sha256 && known.get(String(sha256));
    if (original !== undefined) assert.equal(data, original, `${name}: other data under the same digest`);
  }
}

/**
 * Runs cases `from` .. `count` - 1 of a seed. A case depends on the seed and its number alone.
 *
 * @param progress called now and then with the number of cases done
 */
export async function fuzz(
  count: number,
  seed: number,
  from = 0,
  progress?: (done: number, failures: number) => void,
): Promise<FuzzResult> {
  const all = await bases();
  const arenas = BUILDS.filter(supports).map((build) => new Arena(build));
  const files = all.map(({ file }) => file);
  const failures: { case: number; model: string; error: string }[] = [];
  const start = performance.now();
  let rejected = 0;
  let ran = 0;
  for (let k = from; k < count; k++) {
    const random = randomInts(Math.imul(seed, 0x9e3779b1) ^ Math.imul(k, 0x85ebca6b));
    const base = all[random(all.length)];
    const file = mutate(base.file, base.places, files, random);
    const began = performance.now();
    try {
      const graph = readModel(file, LIMITS);
      runGraph(arenas[k % arenas.length], graph, file, k);
      ran++;
      if (k % COMPARED === 0) await checkDigests(base.graph, graph);
    } catch (error) {
      if (error instanceof ModelFormatError || error instanceof UnsupportedError) rejected++;
      else failures.push({ case: k, model: base.name, error: String((error as Error).stack ?? error).slice(0, 600) });
    }
    const took = performance.now() - began;
    if (took > MOST_MILLISECONDS) failures.push({ case: k, model: base.name, error: `took ${Math.round(took)} ms` });
    if (progress && (k + 1) % 20_000 === 0) progress(k + 1, failures.length);
  }
  return { count: count - from, rejected, ran, failures, seconds: (performance.now() - start) / 1000 };
}
