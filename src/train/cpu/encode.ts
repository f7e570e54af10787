// Calls to the records that assembly/train walks through (layout: assembly/train/record.ts). A kernel may take several
// records, one after another; all threads have finished one before the next begins. Task sizes here and there must agree.
import {
  ADA_MAX_VARIANTS,
  GRADIENT_SCHEMES,
  STATISTICS,
  type Call,
  type KernelName,
  type KernelParams,
  type PatchParams,
} from '../kernels.js';
import { MAPS } from '../maps.js';
import { matrixShape, type Tensor } from '../tensor.js';
import { counted, LEAST_COLUMNS, lookedUp, type Known } from './lookups.js';

/** One record, before it is written to memory. */
export interface CpuRecord {
  readonly kernel: Opcode;
  readonly tasks: number;
  /** Addresses, sizes and flags. */
  readonly ints: readonly number[];
  readonly floats?: readonly number[];
  /** Bytes of its own that each thread needs meanwhile. */
  readonly scratch?: number;
}

/** Kernels of assembly/train/index.ts in the order of its switch. */
const OPCODES = [
  'packColumns',
  'matmul',
  'packSigns',
  'matmulSigns',
  'gatherBytes',
  'map',
  'mapBackward',
  'affineSign',
  'batchNorm',
  'batchNormBackward',
  'squaredHinge',
  'squaredHingeBackward',
  'adam',
  'im2col',
  'col2im',
  'pool',
  'poolBackward',
  'shiftNorm',
  'shiftNormBackward',
  'scale',
  'dropout',
  'stochasticSign',
  'addBias',
  'sumRows',
  'slice',
  'sliceBackward',
  'crossEntropyRows',
  'crossEntropyBackward',
  'distillationRows',
  'distillationBackward',
  'meanLoss',
  'squaredDistance',
  'squaredDistanceBackward',
  'adaMax',
  'sgd',
  'embedding',
  'embeddingBackward',
  'lstmCell',
  'lstmCellBackward',
  'gruCell',
  'gruCellBackward',
  'rowStatistic',
  'scaledSign',
  'scaledSignBackward',
  'tanhWeights',
  'tanhWeightsBackward',
  'quantizeGradient',
  'householderPlan',
  'householder',
  'tableTanh',
  'tableTanhBackward',
  'tableLstmCell',
  'tableLstmCellBackward',
  'staircase',
  'tapSums',
  'padSums',
  'padWeights',
  'packRows',
  'packPatches',
  'packOffsets',
  'countSigns',
] as const;
type Opcode = (typeof OPCODES)[number];

/** What encoding needs to know about the program and its memory. */
export interface EncodeContext {
  readonly address: (t: Tensor) => number;
  /** The address of at least `bytes` that all threads share during the records of one call. */
  readonly workspace: (bytes: number) => number;
  /** What tensors hold when the call runs. */
  readonly known: Known;
  /** The address of signs, or patches of signs, that are kept as bits, if they are. */
  readonly bits: (t: Tensor) => number | undefined;
}

const WORDS = 24;
export const RECORD_BYTES = WORDS * 4;
const FIRST_INT = 2;
const FIRST_FLOAT = 16;

/** Elements, columns and rows of a task. */
const CHUNK = 8192;
const NORM_COLUMNS = 16;
const MATMUL_ROWS = 4;
const MATMUL_COLUMNS = 8;
/** Bytes of a tile's sums; of a task's tiles, which stay in L2; of panels that stay there and are read for every tile. */
const MATMUL_SUMS = 128;
const MATMUL_TILES = 1 << 17;
const MATMUL_PANELS = 1 << 18;
/** Bytes from which a matrix that is stored along n is better read in strides once more than written as panels. */
const MATMUL_STRIDED = 1 << 23;
/** Tasks to share out evenly, and columns of one at least. */
const MATMUL_TASKS = 32;
const MATMUL_LEAST_COLUMNS = 128;
/** k of a slice that stays in the caches, and the longest whose rows fit a thread's scratch memory. */
const MATMUL_DEPTH = 2048;
const MATMUL_MOST_DEPTH = 65_536;
/** signs.ts: rows of a task, k of a block, bytes of a sum's rows, of a block's tables and the values they are made of. */
const SIGN_ROWS = 16;
const SIGN_BLOCK = 40;
const SIGN_ENTRY = 64;
const SIGN_TABLES = (8 * 32 + SIGN_BLOCK) * SIGN_ENTRY;
const SIGN_MOST_COLUMNS = 512;
/** Pairs of signs that a task counts at least. */
const COUNTED = 1 << 20;
const ALIGNMENT = 16;
/** Columns, a multiple of 8, of a task that packs signs. */
const SIGN_PACKED_COLUMNS = 4096;

const chunks = (size: number): number => Math.ceil(size / CHUNK);
const flag = (on: boolean): number => (on ? 1 : 0);

type Encoder<N extends KernelName> = (
  params: KernelParams[N],
  tensors: readonly Tensor[],
  context: EncodeContext,
) => CpuRecord[];

const ENCODERS: { readonly [N in KernelName]: Encoder<N> } = {
  gatherBytes({ rows, features }, tensors, { address }) {
    return [{ kernel: 'gatherBytes', tasks: rows, ints: [...tensors.map(address), rows, features] }];
  },
  matmul(params, tensors, context) {
    const count = counted(params, tensors, context.known);
    const side = count ? 'left' : lookedUp(params, tensors, context.known);
    if (!side) return matmul(params, tensors, context);
    const patches = context.known.patches.get(tensors[side === 'left' ? 0 : 1]);
    return [
      ...(count ? countSigns(params, tensors, context) : matmulSigns(params, tensors, context, side)),
      ...(patches && patches.padding > 0 ? takeBack(side, patches, params, tensors, context) : []),
    ];
  },
  map({ op, a, b, size, alpha }, tensors, { address, bits }) {
    const packed = bits(tensors[1]);
    if (packed !== undefined) return [packRows(address(tensors[0]), packed, ...matrixShape(tensors[1]))];
    const ints = [...tensors.map(address), size, MAPS.indexOf(op)];
    return [{ kernel: 'map', tasks: chunks(size), ints, floats: [a, b, alpha] }];
  },
  mapBackward({ op, a, b, size, factor, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), size, MAPS.indexOf(op), flag(accumulate)];
    return [{ kernel: 'mapBackward', tasks: chunks(size), ints, floats: [a, b, factor] }];
  },
  batchNorm({ rows, channels, epsilon, momentum }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, channels];
    const tasks = Math.ceil(channels / NORM_COLUMNS);
    return [{ kernel: 'batchNorm', tasks, ints, floats: [epsilon, momentum] }];
  },
  batchNormBackward({ rows, channels, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, channels, ...accumulate.map(flag)];
    return [{ kernel: 'batchNormBackward', tasks: Math.ceil(channels / NORM_COLUMNS), ints }];
  },
  staircase({ rows, channels, steps }, tensors, { address }) {
    return [{ kernel: 'staircase', tasks: rows, ints: [...tensors.map(address), rows, channels, steps] }];
  },
  affineSign({ rows, channels }, tensors, { address }) {
    return [{ kernel: 'affineSign', tasks: rows, ints: [...tensors.map(address), rows, channels] }];
  },
  squaredHinge({ rows, channels }, tensors, { address }) {
    return [{ kernel: 'squaredHinge', tasks: 1, ints: [...tensors.map(address), rows, channels] }];
  },
  squaredHingeBackward({ rows, channels, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, channels, flag(accumulate)];
    return [{ kernel: 'squaredHingeBackward', tasks: rows, ints }];
  },
  adam({ size, beta1, beta2, epsilon, stepScale, clip, decay }, tensors, { address }) {
    const ints = [...tensors.map(address), size, flag(clip !== null)];
    const floats = [beta1, 1 - beta1, beta2, 1 - beta2, epsilon, stepScale, clip ?? 0, decay];
    return [{ kernel: 'adam', tasks: chunks(size), ints, floats }];
  },
  sgd({ size, momentum, decay, stepScale, clip }, tensors, { address }) {
    // A place is left free so that the flag stands where the other optimizers have it.
    const ints = [...tensors.map(address), size, 0, flag(clip !== null)];
    return [{ kernel: 'sgd', tasks: chunks(size), ints, floats: [momentum, decay, stepScale, clip ?? 0] }];
  },
  adaMax({ size, variant, beta1, beta2, epsilon, stepScale, clip }, tensors, { address }) {
    const ints = [...tensors.map(address), size, flag(clip !== null), ADA_MAX_VARIANTS.indexOf(variant)];
    const floats = [beta1, 1 - beta1, beta2, epsilon, stepScale, clip ?? 0];
    return [{ kernel: 'adaMax', tasks: chunks(size), ints, floats }];
  },
  rowStatistic({ rows, columns, statistic }, tensors, { address }) {
    const ints = [...tensors.map(address), columns, STATISTICS.indexOf(statistic)];
    return [{ kernel: 'rowStatistic', tasks: rows, ints }];
  },
  scaledSign({ rows, columns }, tensors, { address }) {
    return [{ kernel: 'scaledSign', tasks: rows, ints: [...tensors.map(address), columns] }];
  },
  scaledSignBackward({ rows, columns, masked, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), columns, flag(masked), flag(accumulate)];
    return [{ kernel: 'scaledSignBackward', tasks: rows, ints }];
  },
  tanhWeights({ size, steps }, tensors, { address }) {
    return [{ kernel: 'tanhWeights', tasks: chunks(size), ints: [...tensors.map(address), size], floats: [steps] }];
  },
  tanhWeightsBackward({ size, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), size, flag(accumulate)];
    return [{ kernel: 'tanhWeightsBackward', tasks: chunks(size), ints }];
  },
  quantizeGradient({ rows, columns, scheme, steps, whole, stream }, tensors, { address }) {
    const ints = [...tensors.map(address), columns, GRADIENT_SCHEMES.indexOf(scheme), flag(whole), stream];
    return [{ kernel: 'quantizeGradient', tasks: rows, ints, floats: [steps] }];
  },
  householderPlan({ rows }, tensors, { address, workspace }) {
    const ints = [...tensors.map(address), workspace(rows * 4), rows];
    return [{ kernel: 'householderPlan', tasks: 1, ints }];
  },
  householder({ rows, columns, inverse }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, columns, flag(inverse)];
    return [{ kernel: 'householder', tasks: rows, ints }];
  },
  scale({ size, factor, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), size, flag(accumulate)];
    return [{ kernel: 'scale', tasks: chunks(size), ints, floats: [factor] }];
  },
  addBias({ rows, channels }, tensors, { address }) {
    return [{ kernel: 'addBias', tasks: rows, ints: [...tensors.map(address), channels] }];
  },
  sumRows({ rows, channels, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, channels, flag(accumulate)];
    return [{ kernel: 'sumRows', tasks: Math.ceil(channels / NORM_COLUMNS), ints }];
  },
  slice({ rows, columns, from, width }, tensors, { address }) {
    return [{ kernel: 'slice', tasks: rows, ints: [...tensors.map(address), columns, from, width] }];
  },
  sliceBackward({ rows, columns, from, width, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), columns, from, width, flag(accumulate)];
    return [{ kernel: 'sliceBackward', tasks: rows, ints }];
  },
  dropout({ size, rate, stream, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), size, stream, flag(accumulate)];
    return [{ kernel: 'dropout', tasks: chunks(size), ints, floats: [rate] }];
  },
  stochasticSign({ size, stream }, tensors, { address }) {
    return [{ kernel: 'stochasticSign', tasks: chunks(size), ints: [...tensors.map(address), size, stream] }];
  },
  im2col(params, tensors, { address, bits, workspace }) {
    const patches = bits(tensors[1]);
    if (patches !== undefined) return bitPatches(params, address(tensors[0]), patches, workspace);
    const ints = [...tensors.map(address), ...patchInts(params)];
    return [{ kernel: 'im2col', tasks: params.images * params.outHeight, ints }];
  },
  col2im(params, tensors, { address }) {
    const ints = [...tensors.map(address), ...patchInts(params), flag(params.accumulate)];
    return [{ kernel: 'col2im', tasks: params.images * params.height, ints }];
  },
  pool({ images, height, width, channels, size, average }, tensors, { address }) {
    const ints = [...tensors.map(address), height, width, channels, size, flag(average)];
    return [{ kernel: 'pool', tasks: images * Math.floor(height / size), ints }];
  },
  poolBackward({ images, height, width, channels, size, average, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), height, width, channels, size, flag(average), flag(accumulate)];
    return [{ kernel: 'poolBackward', tasks: images * height, ints }];
  },
  shiftNorm({ rows, channels, epsilon, momentum }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, channels];
    const tasks = Math.ceil(channels / NORM_COLUMNS);
    return [{ kernel: 'shiftNorm', tasks, ints, floats: [epsilon, momentum] }];
  },
  shiftNormBackward({ rows, channels, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, channels, ...accumulate.map(flag)];
    return [{ kernel: 'shiftNormBackward', tasks: Math.ceil(channels / NORM_COLUMNS), ints }];
  },
  embedding({ rows, columns }, tensors, { address }) {
    return [{ kernel: 'embedding', tasks: rows, ints: [...tensors.map(address), columns] }];
  },
  embeddingBackward({ rows, columns, vocabulary, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, columns, flag(accumulate)];
    return [{ kernel: 'embeddingBackward', tasks: vocabulary, ints }];
  },
  lstmCell({ rows, hidden }, tensors, { address }) {
    return [{ kernel: 'lstmCell', tasks: rows, ints: [...tensors.map(address), hidden] }];
  },
  lstmCellBackward({ rows, hidden, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), hidden, ...accumulate.map(flag)];
    return [{ kernel: 'lstmCellBackward', tasks: rows, ints }];
  },
  tableTanh({ size, step }, tensors, { address }) {
    return [{ kernel: 'tableTanh', tasks: chunks(size), ints: [...tensors.map(address), size], floats: [1 / step] }];
  },
  tableTanhBackward({ size, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), size, flag(accumulate)];
    return [{ kernel: 'tableTanhBackward', tasks: chunks(size), ints }];
  },
  tableLstmCell({ rows, hidden, step, cellShift, indexShift }, tensors, { address }) {
    const ints = [...tensors.map(address), hidden, cellShift, indexShift];
    return [{ kernel: 'tableLstmCell', tasks: rows, ints, floats: [1 / step] }];
  },
  tableLstmCellBackward({ rows, hidden, step, cellShift, indexShift, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), hidden, cellShift, indexShift, ...accumulate.map(flag)];
    return [{ kernel: 'tableLstmCellBackward', tasks: rows, ints, floats: [1 / step] }];
  },
  gruCell({ rows, hidden }, tensors, { address }) {
    return [{ kernel: 'gruCell', tasks: rows, ints: [...tensors.map(address), hidden] }];
  },
  gruCellBackward({ rows, hidden, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), hidden, ...accumulate.map(flag)];
    return [{ kernel: 'gruCellBackward', tasks: rows, ints }];
  },
  crossEntropyRows({ rows, channels }, tensors, { address }) {
    return [{ kernel: 'crossEntropyRows', tasks: rows, ints: [...tensors.map(address), rows, channels] }];
  },
  crossEntropyBackward({ rows, channels, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, channels, flag(accumulate)];
    return [{ kernel: 'crossEntropyBackward', tasks: rows, ints }];
  },
  distillationRows({ rows, channels, temperature }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, channels];
    return [{ kernel: 'distillationRows', tasks: rows, ints, floats: [temperature] }];
  },
  distillationBackward({ rows, channels, temperature, accumulate }, tensors, { address }) {
    const ints = [...tensors.map(address), rows, channels, flag(accumulate)];
    return [{ kernel: 'distillationBackward', tasks: rows, ints, floats: [temperature] }];
  },
  meanLoss({ rows }, tensors, { address }) {
    return [{ kernel: 'meanLoss', tasks: 1, ints: [...tensors.map(address), rows] }];
  },
  squaredDistance({ size }, tensors, { address }) {
    return [{ kernel: 'squaredDistance', tasks: 1, ints: [...tensors.map(address), size] }];
  },
  squaredDistanceBackward({ size, accumulate }, tensors, { address }) {
    return [{ kernel: 'squaredDistanceBackward', tasks: 1, ints: [...tensors.map(address), size, flag(accumulate)] }];
  },
};

function patchInts(params: PatchParams): number[] {
  const { height, width, channels, kernel, stride, padding, outHeight, outWidth } = params;
  return [height, width, channels, kernel, stride, padding, outHeight, outWidth];
}

function matmul(
  { m, n, k, transposeA, transposeB, accumulate }: KernelParams['matmul'],
  tensors: readonly Tensor[],
  { address, workspace }: EncodeContext,
): CpuRecord[] {
  const [a, b, c] = tensors.map(address) as [number, number, number];
  // Rows of the product, along tiles, and columns, along panels. `alongK`: neighbours along k lie side by side.
  const first = { from: a, size: m, alongK: !transposeA };
  const second = { from: b, size: n, alongK: transposeB };
  const turned = n > m && k > m && (transposeB || n * k * 4 > MATMUL_STRIDED);
  const [left, right] = turned ? [second, first] : [first, second];
  const stride = ({ size, alongK }: typeof left): number => (alongK ? k : size);
  const start = ({ from, size, alongK }: typeof left, place: number): number => from + place * (alongK ? 1 : size) * 4;
  const panels = Math.ceil(right.size / MATMUL_COLUMNS);
  // Weight gradients of convolutions have a k of all pixels of a batch, by which both operands are stored: short slices of
  // it, one added to the other, stay in the caches.
  const depth = Math.min(k, transposeA && !transposeB ? MATMUL_DEPTH : MATMUL_MOST_DEPTH);
  const packed = workspace(panels * MATMUL_COLUMNS * depth * 4);
  return Array.from({ length: Math.ceil(k / depth) }, (_, slice): CpuRecord[] => {
    const place = slice * depth;
    const part = Math.min(depth, k - place);
    const { rows, columns, down, across } = matmulTasks(left.size, right.size, part);
    return [
      {
        kernel: 'packColumns',
        tasks: panels,
        ints: [start(right, place), packed, part, right.size, flag(right.alongK), stride(right)],
      },
      {
        kernel: 'matmul',
        tasks: down * across,
        ints: [
          ...[start(left, place), packed, c, left.size, right.size, part, flag(!left.alongK)],
          ...[flag(accumulate || slice > 0), stride(left), rows, columns, across, flag(turned)],
        ],
        scratch: (rows / MATMUL_ROWS) * (part * MATMUL_ROWS * 4 + MATMUL_SUMS),
      },
    ];
  }).flat();
}

/** Rows and columns of a task, multiples of a tile's, and how many tasks lie side by side. */
function matmulTasks(m: number, n: number, k: number): Record<'rows' | 'columns' | 'down' | 'across', number> {
  const tiles = Math.ceil(m / MATMUL_ROWS);
  const most = n * k * 4 > MATMUL_PANELS ? Math.max(1, Math.floor(MATMUL_TILES / (k * MATMUL_ROWS * 4))) : 1;
  const down = Math.ceil(tiles / Math.min(most, Math.max(1, Math.ceil(tiles / MATMUL_TASKS))));
  const rows = Math.ceil(tiles / down) * MATMUL_ROWS;
  // Every task packs its rows anew.
  const shares = Math.min(Math.ceil(MATMUL_TASKS / down), Math.ceil(n / MATMUL_LEAST_COLUMNS));
  const columns = Math.ceil(n / shares / MATMUL_COLUMNS) * MATMUL_COLUMNS;
  return { rows, columns, down: Math.ceil(m / rows), across: Math.ceil(n / columns) };
}

/** c = op(a) s, or its transpose c^T = s^T op(b), whichever operand the signs are. */
function matmulSigns(
  { m, n, k, transposeA, transposeB, accumulate }: KernelParams['matmul'],
  tensors: readonly Tensor[],
  { address, workspace, bits }: EncodeContext,
  signs: 'left' | 'right',
): CpuRecord[] {
  const right = signs === 'right';
  const [a, b, c] = tensors;
  const [values, rows, transposeValues] = right ? [a, m, transposeA] : [b, n, !transposeB];
  const [source, columns, transposeSigns] = right ? [b, n, transposeB] : [a, m, !transposeA];
  const patches = bits(source);
  const blocks = Math.ceil(k / SIGN_BLOCK);
  const offsets = workspace(blocks * columns * 16);
  const down = Math.ceil(rows / SIGN_ROWS);
  // Enough tasks to share out; every share builds the tables anew.
  const half = Math.max(LEAST_COLUMNS, Math.ceil(columns / 8) * 4);
  const share = Math.min(SIGN_MOST_COLUMNS, down < 8 ? half : columns);
  const across = Math.ceil(columns / share);
  const packed = Math.min(SIGN_PACKED_COLUMNS, columns);
  const acrossPacked = Math.ceil(columns / packed);
  return [
    {
      kernel: patches === undefined ? 'packSigns' : 'packOffsets',
      tasks: blocks * acrossPacked,
      ints: [patches ?? address(source), offsets, k, columns, flag(transposeSigns), packed, acrossPacked],
      scratch: SIGN_BLOCK,
    },
    {
      kernel: 'matmulSigns',
      tasks: down * across,
      ints: [
        ...[address(values), offsets, address(c), rows, columns, k, flag(transposeValues), flag(accumulate)],
        ...[share, across, flag(!right)],
      ],
      // Transposing reads up to three columns past the last one.
      scratch: SIGN_TABLES + (share + 3) * SIGN_ENTRY,
    },
  ];
}

/** c = a b^T of signs by signs. */
function countSigns(
  { m, n, k, accumulate }: KernelParams['matmul'],
  tensors: readonly Tensor[],
  { address, workspace, bits }: EncodeContext,
): CpuRecord[] {
  const rowBytes = Math.ceil(k / 8);
  const start = workspace(m * rowBytes + ALIGNMENT + n * rowBytes);
  const places = [start, start + Math.ceil((m * rowBytes) / ALIGNMENT) * ALIGNMENT];
  const packed = tensors.slice(0, 2).map((t, i) => {
    const kept = bits(t);
    return kept === undefined
      ? { at: places[i], records: [packRows(address(t), places[i], [m, n][i], k)] }
      : { at: kept, records: [] };
  });
  const rows = Math.max(2, Math.ceil(COUNTED / (n * k * 2)) * 2);
  return [
    ...packed.flatMap(({ records }) => records),
    {
      kernel: 'countSigns',
      tasks: Math.ceil(m / rows),
      ints: [...packed.map(({ at }) => at), address(tensors[2]), m, n, k, flag(accumulate), rows],
    },
  ];
}

/** Patches of signs as bits, from the bits of pixels. */
function bitPatches(
  params: PatchParams,
  from: number,
  patches: number,
  workspace: EncodeContext['workspace'],
): CpuRecord[] {
  const { images, height, width, channels, outHeight } = params;
  const pixels = images * height * width;
  const bits = workspace(pixels * Math.ceil(channels / 8));
  return [
    packRows(from, bits, pixels, channels),
    { kernel: 'packPatches', tasks: images * outHeight, ints: [bits, patches, ...patchInts(params)] },
  ];
}

function packRows(from: number, bits: number, rows: number, columns: number): CpuRecord {
  const share = Math.ceil(CHUNK / columns);
  return { kernel: 'packRows', tasks: Math.ceil(rows / share), ints: [from, bits, rows, columns, share] };
}

/** What the zeros around pictures added is taken back: to y = x W^T (left), or to dW = dy^T x (right). */
function takeBack(
  side: 'left' | 'right',
  { images, height, width, channels, kernel, stride, padding, outHeight, outWidth }: PatchParams,
  { m, n }: KernelParams['matmul'],
  [a, b, c]: readonly Tensor[],
  { address, workspace }: EncodeContext,
): CpuRecord[] {
  const taps = kernel * kernel;
  const geometry = [height, width, kernel, stride, padding, outHeight, outWidth];
  if (side === 'right') {
    const ints = [address(a), address(c), m, ...geometry, images, channels];
    return [{ kernel: 'padWeights', tasks: taps, ints, scratch: m * 4 }];
  }
  const sums = workspace(taps * n * 4);
  return [
    { kernel: 'tapSums', tasks: taps, ints: [address(b), sums, n, taps, channels] },
    { kernel: 'padSums', tasks: images * outHeight, ints: [sums, address(c), n, ...geometry] },
  ];
}

/** The records of a call. */
export function encode<N extends KernelName>(
  call: Call & { readonly kernel: N },
  context: EncodeContext,
): readonly CpuRecord[] {
  return ENCODERS[call.kernel](call.params as KernelParams[N], call.tensors, context);
}

/** Writes records to RECORD_BYTES each at the start of both views of one memory. */
export function writeRecords(records: readonly CpuRecord[], ints: Uint32Array, floats: Float32Array): void {
  records.forEach((record, i) => {
    const word = i * WORDS;
    ints[word] = OPCODES.indexOf(record.kernel);
    ints[word + 1] = record.tasks;
    ints.set(record.ints, word + FIRST_INT);
    floats.set(record.floats ?? [], word + FIRST_FLOAT);
  });
}
