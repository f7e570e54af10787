// Float32 products of other libraries on the same adapter, each on a device of its own: jax-js and tfjs, over Dawn in Node.
// Results are read back to be checked, not while they are timed.

/** Makes `navigator.gpu` and the WebGPU globals that both libraries look for. */
async function browserLike() {
  if (globalThis.navigator?.gpu) return;
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const value = { gpu: create([]), userAgent: 'node' };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true, writable: true });
}

async function jax() {
  const { init, defaultDevice, numpy } = await import('@jax-js/jax');
  if (!(await init('webgpu')).includes('webgpu')) throw new Error('it found no adapter');
  defaultDevice('webgpu');
  return {
    name: 'jax-js',
    async matmul(left, right, size) {
      const a = numpy.array(left).reshape([size, size]);
      const b = numpy.array(right).reshape([size, size]).transpose();
      const product = () => numpy.dot(a.ref, b.ref);
      // An array that nobody waits for is not computed.
      const run = async (times) => {
        for (let i = 0; i < times; i++) {
          const c = product();
          await c.blockUntilReady();
          c.dispose();
        }
      };
      return { run, values: await product().data() };
    },
  };
}

async function tfjs() {
  const tf = await import('@tensorflow/tfjs-core');
  await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) throw new Error('its backend did not start');
  await tf.ready();
  const backend = tf.backend();
  return {
    name: 'tfjs',
    async matmul(left, right, size) {
      const [a, b] = [left, right].map((values) => tf.tensor2d(values, [size, size]));
      const product = () => tf.matMul(a, b, false, true);
      const run = async (times) => {
        for (let i = 0; i < times; i++) product().dispose();
        // Submitting with an open pass would drop its work.
        backend.endComputePassEncoder();
        backend.submitQueue();
        await backend.queue.onSubmittedWorkDone();
      };
      const first = product();
      const values = await first.data();
      first.dispose();
      return { run, values };
    },
  };
}

/** The rivals that run here; the others are named with the reason on stderr. */
export async function rivals() {
  const found = [];
  for (const [name, start] of Object.entries({ 'jax-js': jax, tfjs })) {
    try {
      await browserLike();
      found.push(await start());
    } catch (error) {
      console.error(`left out: ${name}: ${error.message.split('\n')[0]}`);
    }
  }
  return found;
}
