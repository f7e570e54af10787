// Bytes to graph: decoded by the schema, brought to the form of graph.ts, then checked for meaning. Constants are not copied:
// their data are views of the caller's bytes.
import { decode, refuse } from './decode.js';
import type { Constant, Graph, Metadata } from './graph.js';
import { DEFAULT_LIMITS, type Limits, validate } from './validate.js';

/** The root table as layout.ts lists it; the compiler holds that list to the types of graph.ts. */
interface File extends Omit<Graph, 'metadata'> {
  readonly metadata?: Omit<Metadata, 'training'> & { readonly training?: readonly { key: string; value: string }[] };
}

/**
 * Reads a model file. `bytes` may be any view; nothing outside it is read.
 *
 * @throws ModelFormatError with table path, expectation and what came, before anything is allocated for the model
 */
export function readModel(bytes: Uint8Array, limits: Limits = DEFAULT_LIMITS): Graph {
  const { name, tensors, constants, nodes, inputs, outputs, metadata } = decode(bytes, limits.count) as unknown as File;
  const graph: Graph = {
    ...{ name, tensors, nodes, inputs, outputs },
    constants: constants.map(({ groups, ...rest }): Constant => (groups === 1 ? rest : { ...rest, groups: groups! })),
    metadata: metadataOf(metadata ?? {}),
  };
  validate(graph, refuse, limits);
  return graph;
}

/** Lists that are empty are not there. */
function metadataOf({ labels, training, ...rest }: NonNullable<File['metadata']>): Metadata {
  return {
    ...rest,
    ...(labels?.length && { labels }),
    ...(training?.length && { training: Object.fromEntries(training.map(({ key, value }) => [key, value])) }),
  };
}
