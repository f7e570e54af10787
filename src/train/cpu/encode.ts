// Calls to the records that assembly/train walks through (layout: assembly/train/record.ts). A kernel may take several
// records, one after another; all threads have finished one before the next begins. Task sizes here and there must agree.
import type { Call, KernelName, KernelParams } from '../kernels.js';
import { MAPS } from '../maps.js';
import type { Tensor } from '../tensor.js';

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
] as const;
type Opcode = (typeof OPCODES)[number];

/** What encoding needs to know about the program and its memory. */
export interface EncodeContext {
  readonly address: (t: Tensor) => number;
  /** The address of at least `bytes` that all threads share during the records of one call. */
  readonly workspace: (bytes: number) => number;
  /** Whether a tensor holds -1 and +1 only, when the call runs. */
  readonly isSigns: (t: Tensor) => boolean;
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
/** signs.ts: rows of a task, k of a block, bytes of a block's tables, of a sum's rows. */
const SIGN_ROWS = 16;
const SIGN_BLOCK = 40;
const SIGN_TABLES = 8 * 32 * 64;
const SIGN_ENTRY = 64;
/** Fewer columns than this do not pay for the tables. */
const SIGN_LEAST_COLUMNS = 64;
const SIGN_MOST_COLUMNS = 512;

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
    const signs = context.isSigns(tensors[1]) && params.n >= SIGN_LEAST_COLUMNS;
    return signs ? matmulSigns(params, tensors, context) : matmul(params, tensors, context);
  },
  map({ op, a, b, size, alpha }, tensors, { address }) {
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
  adam({ size, beta1, beta2, epsilon, stepScale, clip }, tensors, { address }) {
    const ints = [...tensors.map(address), size, flag(clip !== null)];
    const floats = [beta1, 1 - beta1, beta2, 1 - beta2, epsilon, stepScale, clip ?? 0];
    return [{ kernel: 'adam', tasks: chunks(size), ints, floats }];
  },
};

function matmul(
  { m, n, k, transposeA, transposeB, accumulate }: KernelParams['matmul'],
  tensors: readonly Tensor[],
  { address, workspace }: EncodeContext,
): CpuRecord[] {
  const [a, b, c] = tensors.map(address) as [number, number, number];
  const panels = Math.ceil(n / MATMUL_COLUMNS);
  const packed = workspace(panels * MATMUL_COLUMNS * k * 4);
  return [
    { kernel: 'packColumns', tasks: panels, ints: [b, packed, k, n, flag(transposeB)] },
    {
      kernel: 'matmul',
      tasks: Math.ceil(m / MATMUL_ROWS),
      ints: [a, packed, c, m, n, k, flag(transposeA), flag(accumulate)],
      scratch: MATMUL_ROWS * k * 4,
    },
  ];
}

function matmulSigns(
  { m, n, k, transposeA, transposeB, accumulate }: KernelParams['matmul'],
  tensors: readonly Tensor[],
  { address, workspace }: EncodeContext,
): CpuRecord[] {
  const [a, b, c] = tensors.map(address) as [number, number, number];
  const blocks = Math.ceil(k / SIGN_BLOCK);
  const offsets = workspace(blocks * n * 16);
  const down = Math.ceil(m / SIGN_ROWS);
  // Enough tasks to share out; every share builds the tables anew.
  const half = Math.max(SIGN_LEAST_COLUMNS, Math.ceil(n / 8) * 4);
  const share = Math.min(SIGN_MOST_COLUMNS, down < 8 ? half : n);
  const across = Math.ceil(n / share);
  return [
    { kernel: 'packSigns', tasks: blocks, ints: [b, offsets, k, n, flag(transposeB)] },
    {
      kernel: 'matmulSigns',
      tasks: down * across,
      ints: [a, offsets, c, m, n, k, flag(transposeA), flag(accumulate), share, across],
      // Transposing reads up to three columns past the last one.
      scratch: SIGN_TABLES + (share + 3) * SIGN_ENTRY,
    },
  ];
}

/** The records of a call. */
export function encode<N extends KernelName>(
  call: Call & { readonly kernel: N },
  context: EncodeContext,
): readonly CpuRecord[] {
  return ENCODERS[call.kernel](call.params as KernelParams[N], call.tensors, context);
}

/** The tensor that a call fills with -1 and +1 only, if it does. */
export function signsOf(call: Call): Tensor | undefined {
  if (call.kernel === 'affineSign') return call.tensors[2];
  const binary = call.kernel === 'map' && (call.params.op === 'sign' || call.params.op === 'approximateSign');
  return binary && call.params.alpha === 1 ? call.tensors[1] : undefined;
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
