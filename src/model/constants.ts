// What a constant's bytes must be: as many as its shape asks for, of values that its encoding has, with zeros in the places
// that layouts leave empty. Kernels count on all of it.
import { CHANNEL_BLOCK, packedBytes } from '../numerics/bits.js';
import { eachWeight, type WeightLayout } from '../numerics/quads.js';
import {
  type Constant,
  constantBytes,
  type ConstantEncoding,
  elements,
  type Layout,
  storedBits,
  weightGeometry,
} from './graph.js';
import { listed, type Report } from './operators/rules.js';

const SHA256_BYTES = 32;

/** Encodings that a layout of weights holds; plain holds all that are not here only. */
const HOLDS: Readonly<Record<Exclude<Layout, 'plain'>, readonly ConstantEncoding[]>> = {
  blocks16: ['centered', 'ternary'],
  quads: ['int8'],
  pairs: ['int8'],
  lanes: ['float32'],
  columns: ['float32'],
};

/** Checks a constant whose shape and encoding have been checked. `limit`: most bytes. */
export function checkConstantData(constant: Constant, path: string, report: Report, limit: number): void {
  const { encoding, layout, shape, data, sha256 } = constant;
  const groups = constant.groups ?? 1;
  if (layout !== 'plain') {
    if (!HOLDS[layout].includes(encoding)) {
      report(`${path}.encoding`, `${HOLDS[layout].join(' or ')} in ${layout}`, encoding);
    }
    const rank = shape.length;
    if (rank !== 2 && rank !== 4) report(`${path}.shape`, `2 or 4 dimensions in ${layout}`, rank);
  } else if (encoding === 'ternary') report(`${path}.layout`, 'blocks16 with ternary', layout);
  const grouped = layout === 'quads' || layout === 'lanes';
  if (!(Number.isInteger(groups) && groups >= 1 && (grouped ? shape[0] % groups === 0 : groups === 1))) {
    report(`${path}.groups`, grouped ? `a divisor of ${shape[0]}` : `1 with ${layout}`, groups);
  }
  if ((layout === 'pairs' || layout === 'columns') && (shape.length !== 4 || shape[3] !== 1)) {
    report(`${path}.shape`, `depthwise filters (C, KH, KW, 1) in ${layout}`, listed(shape));
  }
  const bytes = constantBytes(constant);
  if (!(bytes <= limit)) report(`${path}.shape`, `at most ${limit} bytes`, `${bytes} bytes`);
  if (data.length !== bytes) report(`${path}.data`, `${bytes} bytes`, `${data.length} bytes`);
  if (sha256 !== undefined && sha256.length !== SHA256_BYTES) {
    report(`${path}.sha256`, `${SHA256_BYTES} bytes`, `${sha256.length} bytes`);
  }
  if (layout === 'plain') checkElements(constant, path, report);
  else if (layout === 'blocks16') checkAbsentChannels(constant, path, report);
  else checkPadding(constant, layout, path, report);
}

/** Levels that the encoding has, and packed bits and codes without a tail. */
function checkElements(constant: Constant, path: string, report: Report): void {
  const { encoding, bits, data, shape } = constant;
  const width = storedBits(encoding, bits);
  if (encoding === 'powerOfTwo' || width === 1) {
    // Bits of a row end at a byte; codes at the end of all.
    const count = width === 1 ? shape.at(-1)! : elements(shape) * width;
    const row = packedBytes(count);
    const tail = tailOf(count);
    for (let at = row - 1; tail !== 0 && at < data.length; at += row) {
      if ((data[at] & tail) !== 0) report(`${path}.data`, 'zero bits behind the last value', `byte ${at} has some`);
    }
  } else if ((encoding === 'levels' || encoding === 'centered') && bits < 8) {
    const most = 2 ** bits - 1;
    const bad = data.findIndex((byte) => byte > most);
    if (bad >= 0) report(`${path}.data`, `levels from 0 to ${most}`, `${data[bad]} at ${bad}`);
  }
}

/** The bits of the last byte that `count` bits leave free. */
function tailOf(count: number): number {
  return (0xff << (((count - 1) % 8) + 1)) & 0xff;
}

/** Bits of channels that are not there are 0. */
function checkAbsentChannels({ data, shape }: Constant, path: string, report: Report): void {
  const inputs = shape.at(-1)!;
  const tail = tailOf(inputs);
  const present = shape[0] % CHANNEL_BLOCK || CHANNEL_BLOCK;
  if (tail === 0 && present === CHANNEL_BLOCK) return;
  const row = packedBytes(inputs);
  const lastBlock = data.length - data.length / Math.ceil(shape[0] / CHANNEL_BLOCK);
  data.forEach((byte, i) => {
    if ((byte & tail) !== 0 && Math.floor(i / CHANNEL_BLOCK + 1) % row === 0) {
      report(`${path}.data`, 'zero bits behind the last input channel', `byte ${i} has some`);
    }
    if (byte !== 0 && i >= lastBlock && i % CHANNEL_BLOCK >= present) {
      report(`${path}.data`, 'zero bytes behind the last output channel', `byte ${i} is ${byte}`);
    }
  });
}

/** What the layout leaves empty is 0. */
function checkPadding(constant: Constant, layout: WeightLayout, path: string, report: Report): void {
  const { shape, data, encoding } = constant;
  const bytes = storedBits(encoding, 0) / 8;
  if (data.length === elements(shape) * bytes) return;
  const used = new Uint8Array(data.length / bytes);
  eachWeight(layout, weightGeometry(constant), (target) => (used[target] = 1));
  const bad = data.findIndex((byte, i) => byte !== 0 && used[Math.floor(i / bytes)] === 0);
  if (bad >= 0) report(`${path}.data`, `zeros where ${layout} leaves places empty`, `byte ${bad} is ${data[bad]}`);
}
