// Which binary kernel this machine runs fastest: tables or popcount, and how many pixels to a block. On x64, engines emulate
// i8x16.popcnt and tables are about twice as fast; on Arm it is one instruction. V8 11 likes blocks of 2, newer ones 8. So
// the question is asked of the machine: one small convolution by each candidate in turn, for some milliseconds, once a
// process. All candidates give equal results, so a wrong answer costs time and nothing else.
import type { ConvGeometry } from '../numerics/geometry.js';
import { type KernelChoice, SLACK } from '../plan/layout.js';
import { PAGE } from '../plan/plan.js';
import { planProduct, type ProductLayer, SIGNS } from '../plan/product.js';
import { instantiateKernels, type KernelInfo } from '../wasm/instantiate.js';

/** What runs where nothing was measured: right for x64, and for hosts whose clock stands still while code runs. */
export const DEFAULT_CHOICE = { kernel: 'table', block: 8 } as const;

type Candidate = Pick<KernelChoice, 'kernel' | 'block'>;

const CANDIDATES: readonly Candidate[] = [
  DEFAULT_CHOICE,
  { kernel: 'table', block: 4 },
  { kernel: 'table', block: 2 },
  { kernel: 'popcount', block: 8 },
];

/** Rounds without a shorter turn of any candidate after which the engine counts as warm: it optimizes while they run. */
const QUIET_ROUNDS = 40;
/** What counts as shorter. */
const GAIN = 0.97;
/** Most that all of it may take. */
const BUDGET_MS = 40;

/** A 3x3 convolution of 12 x 12 x 128 bits to 32 channels: K as in real layers, 5 million multiply-accumulates. */
const GEOMETRY: ConvGeometry = {
  ...{ height: 12, width: 12, channels: 128, kernelHeight: 3, kernelWidth: 3, strideY: 1, strideX: 1 },
  ...{ dilationY: 1, dilationX: 1, padTop: 1, padLeft: 1, padBottom: 1, padRight: 1, groups: 1, n: 32 },
};
const INPUT_BYTES = 12 * 12 * 16;
const WEIGHT_BYTES = 2 * 9 * 16 * 16;
const OUTPUT_BYTES = 12 * 12 * 4;
/** Room for a parameter block. */
const BLOCK_BYTES = 256;

/** Measures the candidates. */
export function tune(module: WebAssembly.Module, { heapBase }: KernelInfo): Candidate {
  const place = (address: number): number => (address + 15) & ~15;
  const input = place(heapBase);
  const weights = place(input + INPUT_BYTES + SLACK);
  const thresholds = place(weights + WEIGHT_BYTES + SLACK);
  const output = place(thresholds + 4 * GEOMETRY.n + SLACK);
  const blocks = place(output + OUTPUT_BYTES + SLACK);
  const scratch = place(blocks + CANDIDATES.length * BLOCK_BYTES);

  const layer: ProductLayer = {
    geometry: GEOMETRY,
    activations: SIGNS,
    weights: SIGNS,
    padValue: 0,
    transform: { kind: 'bits', thresholds },
  };
  const at = { input, weights, output, scratch, prepared: 0 };
  const calls = CANDIDATES.map((candidate) => planProduct(layer, at, { simd: true, ...candidate }));
  const scratchBytes = Math.max(...calls.map((call) => call.scratchBytes));
  const { kernels, memory } = instantiateKernels(module, Math.ceil((scratch + scratchBytes + SLACK) / PAGE));
  const words = new Uint32Array(memory.buffer);
  // Not all zeros, so that no branch or lookup is easier than in real layers.
  for (let i = input; i < thresholds; i += 4) words[i / 4] = Math.imul(i, 0x9e3779b1);
  const runs = calls.map(({ kernel, params }, i) => {
    const block = blocks + i * BLOCK_BYTES;
    words.set(Object.values(params), block / 4);
    return (): void => kernels[kernel](block, 1);
  });
  return CANDIDATES[fastest(runs)];
}

/** Index of the function whose shortest turn is the shortest; the first where the clock does not move. */
function fastest(runs: readonly (() => void)[]): number {
  const best = runs.map(() => Infinity);
  const start = performance.now();
  for (let quiet = 0; quiet < QUIET_ROUNDS && performance.now() - start < BUDGET_MS; quiet++) {
    runs.forEach((run, i) => {
      const from = performance.now();
      run();
      const time = performance.now() - from;
      if (time < best[i] * GAIN) quiet = 0;
      best[i] = Math.min(best[i], time);
    });
  }
  return best.indexOf(Math.min(...best));
}
