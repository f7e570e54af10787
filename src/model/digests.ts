// SHA-256 of constants: tells a model whose weights were changed from one that was not. Digests stand in the same file, so
// they find damage, not forgery; who wants to know where a model comes from compares the whole file with a digest from
// elsewhere.
import { ModelFormatError } from '../errors.js';
import type { Graph } from './graph.js';

async function sha256(data: Uint8Array): Promise<Uint8Array> {
  // A copy: the data may be a view of a larger, or of a shared buffer.
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data.slice()));
}

/** The same graph with a digest for each of its constants. */
export async function addDigests(graph: Graph): Promise<Graph> {
  const constants = await Promise.all(
    graph.constants.map(async (constant) => ({ ...constant, sha256: await sha256(constant.data) })),
  );
  return { ...graph, constants };
}

/**
 * Compares each constant that has a digest with it.
 *
 * @returns how many had one
 * @throws ModelFormatError naming the first constant whose data do not fit
 */
export async function verifyDigests(graph: Graph): Promise<number> {
  let checked = 0;
  for (const [i, constant] of graph.constants.entries()) {
    const expected = constant.sha256;
    if (expected === undefined) continue;
    const got = await sha256(constant.data);
    if (expected.length !== got.length || expected.some((byte, n) => byte !== got[n])) {
      throw new ModelFormatError(`model.constants[${i}].data`, `SHA-256 ${hex(expected)}`, hex(got));
    }
    checked++;
  }
  return checked;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
