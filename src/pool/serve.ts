// A thread of a pool. Imports no package: an import map, which is how pages without a bundler find packages, does not reach
// into workers.
import type { Prepared } from '../load.js';
import { PAGE } from '../plan/plan.js';
import type { Kernels } from '../wasm/instantiate.js';
import { Model, type TensorData } from '../runtime/model.js';
import type { Job, Reply, Start } from './pool.js';

/**
 * Answers the messages of a pool: a Start, then Jobs.
 *
 * @param reply sends to the pool, handing the buffers over
 * @returns the function that takes the messages
 */
export function serve(reply: (reply: Reply, transfer: ArrayBuffer[]) => void): (message: Start | Job) => void {
  let model: Model | undefined;
  return (message) => {
    try {
      if (model === undefined) {
        model = modelOf(message as Start);
        return reply({}, []);
      }
      const inputs = Object.fromEntries(model.inputs.map(({ name }, i) => [name, (message as Job)[i]]));
      const result = model.runBatch(inputs);
      const outputs = model.outputs.map(({ name }): TensorData => result[name]);
      reply(
        { outputs },
        outputs.map(({ buffer }) => buffer as ArrayBuffer),
      );
    } catch (error) {
      const { name, message: text } = error as Error;
      reply({ error: { name, message: text } }, []);
    }
  };
}

function modelOf({ graph, plan, module, bytes, build }: Prepared): Model {
  const pages = plan.memory.total / PAGE;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return new Model(graph, plan, { kernels: exports as unknown as Kernels, memory }, bytes, build);
}
