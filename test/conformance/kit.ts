// The conformance kit as files: models, and a manifest with inputs and expected outputs.
import { createHash } from 'node:crypto';
import { addDigests } from '../../src/model/digests.js';
import type { Graph } from '../../src/model/graph.js';
import { writeModel } from '../../src/model/write.js';
import { evaluate, type Stored } from '../../src/reference/evaluate.js';
import { conformanceCases } from './cases.js';

export const FOLDER = 'test/conformance/files';
export const MANIFEST = 'manifest.json';

/** Stored data of one tensor, as the kit writes it down. */
interface Port {
  readonly name: string;
  readonly encoding: string;
  readonly bits: number;
  readonly shape: readonly number[];
  /** Stored elements; float32 as the integers of their bits. */
  readonly data: readonly number[];
}

export interface Entry {
  readonly name: string;
  readonly about: string;
  /** File beside the manifest. */
  readonly model: string;
  /** Of the model file, in hexadecimal. */
  readonly sha256: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

function portsOf(graph: Graph, indices: readonly number[], data: readonly Stored[]): Port[] {
  return indices.map((index, i) => {
    const { name, encoding, bits, shape } = graph.tensors[index];
    const stored = data[i] instanceof Float32Array ? new Int32Array(data[i].slice().buffer) : data[i];
    return { name, encoding, bits, shape, data: Array.from(stored) };
  });
}

/** Every file of the kit by its name. */
export async function conformanceKit(): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const entries: Entry[] = [];
  for (const { name, about, graph, inputs } of conformanceCases()) {
    const bytes = writeModel(await addDigests(graph));
    const model = `${name}.qnn`;
    files.set(model, bytes);
    entries.push({
      name,
      about,
      model,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      inputs: portsOf(graph, graph.inputs, inputs),
      outputs: portsOf(graph, graph.outputs, evaluate(graph, inputs)),
    });
  }
  const lines = entries.map((entry) => JSON.stringify(entry)).join(',\n');
  files.set(MANIFEST, new TextEncoder().encode(`[\n${lines}\n]\n`));
  return files;
}
