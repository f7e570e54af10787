// Times the ways to multiply bits on this machine, in a few milliseconds.
import { type BitWay, planContest } from '../plan/contest.js';
import { PRODUCT_FIELDS } from '../plan/params.js';
import { PAGE } from '../plan/plan.js';
import { inspect, instantiateKernels } from '../wasm/instantiate.js';

const ROUNDS = 4;
const RUNS = 3;

/**
 * The fastest way of a SIMD build to multiply bits here. With a clock too coarse to tell, the first of BIT_WAYS.
 *
 * @param now milliseconds, as performance.now()
 */
export function fastestWay(module: WebAssembly.Module, now: () => number): BitWay {
  const contest = planContest(Math.ceil(inspect(module).base / 16) * 16);
  const { kernels, memory } = instantiateKernels(module, Math.ceil(contest.bytes / PAGE));
  const words = new Int32Array(memory.buffer);
  const best = contest.entries.map(({ call, block }) => {
    PRODUCT_FIELDS.forEach((field, i) => (words[block / 4 + i] = call.params[field]));
    return Infinity;
  });
  // In turns, so that a disturbance meets all; the first round also warms up and does not count.
  for (let round = 0; round <= ROUNDS; round++) {
    contest.entries.forEach(({ call, block }, i) => {
      const run = kernels[call.kernel];
      const start = now();
      for (let r = 0; r < RUNS; r++) run(block, 1);
      const took = now() - start;
      if (round > 0) best[i] = Math.min(best[i], took);
    });
  }
  return contest.entries[best.indexOf(Math.min(...best))].way;
}
