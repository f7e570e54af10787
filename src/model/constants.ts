// What a constant's bytes must be: as many as its shape asks for, of values that its encoding has, with zeros in the places
// that layouts leave empty. Kernels count on all of it.
import { CHANNEL_BLOCK, packedBytes } from '../numerics/bits.js';
import {
  packColumns,
  packLanes,
  packPairs,
  packQuads,
  unpackColumns,
  unpackLanes,
  unpackPairs,
  unpackQuads,
} from '../numerics/quads.js';
import {
  type Constant,
  constantBytes,
  type ConstantEncoding,
  depthwiseGeometry,
  elements,
  type Layout,
  storedBits,
  weightGeometry,
} from './graph.js';
import type { Report } from './operators/rules.js';

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
    if (rank !== 2 && rank !== 4) report(`${path}.shape`, `2 or 4 dimensions in ${layout}`, `${rank}`);
  } else if (encoding === 'ternary') report(`${path}.layout`, 'blocks16 with ternary', layout);
  const grouped = layout === 'quads' || layout === 'lanes';
  if (!(Number.isInteger(groups) && groups >= 1 && (grouped ? shape[0] % groups === 0 : groups === 1))) {
    report(`${path}.groups`, grouped ? `a divisor of ${shape[0]}` : `1 with ${layout}`, `${groups}`);
  }
  if ((layout === 'pairs' || layout === 'columns') && (shape.length !== 4 || shape[3] !== 1)) {
    report(`${path}.shape`, `depthwise filters (C, KH, KW, 1) in ${layout}`, `[${shape.join(', ')}]`);
  }
  const bytes = constantBytes(constant);
  if (!(bytes <= limit)) report(`${path}.shape`, `at most ${limit} bytes`, `${bytes} bytes`);
  if (data.length !== bytes) report(`${path}.data`, `${bytes} bytes`, `${data.length} bytes`);
  if (sha256 !== undefined && sha256.length !== SHA256_BYTES) {
    report(`${path}.sha256`, `${SHA256_BYTES} bytes`, `${sha256.length} bytes`);
  }
  if (layout === 'plain') checkElements(constant, path, report);
  else if (layout === 'blocks16') checkAbsentChannels(constant, path, report);
  else checkPadding(constant, path, report);
}

/** Levels that the encoding has, and packed bits and codes without a tail. */
function checkElements(constant: Constant, path: string, report: Report): void {
  const { encoding, bits, data, shape } = constant;
  const width = storedBits(encoding, bits);
  if (encoding === 'powerOfTwo' || width === 1) {
    // Bits of a row end at a byte; codes at the end of all.
    const count = width === 1 ? shape.at(-1)! : elements(shape) * width;
    const row = packedBytes(count);
    const tail = (0xff << (((count - 1) % 8) + 1)) & 0xff;
    for (let at = row - 1; tail !== 0 && at < data.length; at += row) {
      if ((data[at] & tail) !== 0) report(`${path}.data`, 'zero bits behind the last value', `byte ${at} has some`);
    }
  } else if ((encoding === 'levels' || encoding === 'centered') && bits < 8) {
    const most = 2 ** bits - 1;
    const bad = data.findIndex((byte) => byte > most);
    if (bad >= 0) report(`${path}.data`, `levels from 0 to ${most}`, `${data[bad]} at ${bad}`);
  }
}

/** Bits of channels that are not there are 0. */
function checkAbsentChannels(constant: Constant, path: string, report: Report): void {
  const { data, shape } = constant;
  const inputs = shape.at(-1)!;
  const outputs = shape[0];
  const row = packedBytes(inputs);
  const tail = inputs % 8 === 0 ? 0 : (0xff << (inputs % 8)) & 0xff;
  if (tail !== 0) {
    for (let group = row - 1; group * CHANNEL_BLOCK < data.length; group += row) {
      for (let i = 0; i < CHANNEL_BLOCK; i++) {
        if ((data[group * CHANNEL_BLOCK + i] & tail) !== 0) {
          const got = `byte ${group * CHANNEL_BLOCK + i} has some`;
          report(`${path}.data`, 'zero bits behind the last input channel', got);
        }
      }
    }
  }
  const absent = outputs % CHANNEL_BLOCK;
  if (absent !== 0) {
    const blockBytes = data.length / Math.ceil(outputs / CHANNEL_BLOCK);
    for (let i = data.length - blockBytes; i < data.length; i++) {
      if (i % CHANNEL_BLOCK >= absent && data[i] !== 0) {
        report(`${path}.data`, 'zero bytes behind the last output channel', `byte ${i} is ${data[i]}`);
      }
    }
  }
}

/** Weights laid out again give the same bytes: what the layout leaves empty is 0. */
function checkPadding(constant: Constant, path: string, report: Report): void {
  const { layout, shape, data, encoding } = constant;
  if (data.length === elements(shape) * (encoding === 'float32' ? 4 : 1)) return;
  const g = weightGeometry(shape, constant.groups);
  const d = depthwiseGeometry(shape);
  const bytes = data.slice();
  const floats = encoding === 'float32' ? new Float32Array(bytes.buffer) : new Float32Array(0);
  const signed = new Int8Array(bytes.buffer);
  const again = {
    quads: () => packQuads(unpackQuads(signed, g), g),
    pairs: () => packPairs(unpackPairs(signed, d), d),
    lanes: () => packLanes(unpackLanes(floats, g), g),
    columns: () => packColumns(unpackColumns(floats, d), d),
  }[layout as 'quads' | 'pairs' | 'lanes' | 'columns']();
  const expected = new Uint8Array(again.buffer);
  for (let i = 0; i < data.length; i++) {
    // A float that is not a number may come back with other bits: only empty places are looked at.
    if (expected[i] === 0 && data[i] !== 0 && !isNaNByte(floats, i)) {
      report(`${path}.data`, `zeros where ${layout} leaves places empty`, `byte ${i} is ${data[i]}`);
    }
  }
}

function isNaNByte(floats: Float32Array, i: number): boolean {
  return floats.length > 0 && Number.isNaN(floats[i >> 2]);
}
