// Between plain numbers and the bytes of tensors and constants, for every encoding and layout: what the builder packs with
// and what reference, tests and tools read with.
import { packedBytes, packSigns, unpackSigns } from '../numerics/bits.js';
import {
  packCodes,
  packPlanes,
  shiftCode,
  shiftValue,
  ternaryLevel,
  unpackCodes,
  unpackPlanes,
} from '../numerics/planes.js';
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
import { type Constant, depthwiseGeometry, elements, type ValueType, weightGeometry } from './graph.js';

/** Numbers v: integers, or numbers that float32 holds. float64, so that every encoding fits. */
export type Values = Float64Array;

/** What packing needs to know of a constant. */
export type Packing = Omit<Constant, 'name' | 'data' | 'sha256'>;

/** Level l of a centered number v. */
const toLevel = (v: number, bits: number): number => (v + 2 ** bits - 1) / 2;
const fromLevel = (l: number, bits: number): number => 2 * l - (2 ** bits - 1);

/** Row-major numbers v to the bytes of the `plain` layout. The numbers have to be ones that the type holds. */
export function packPlain(values: ArrayLike<number>, shape: readonly number[], type: ValueType): Uint8Array {
  const { encoding, bits } = type;
  switch (encoding) {
    case 'float32':
      return new Uint8Array(Float32Array.from(values).buffer);
    case 'int32':
      return new Uint8Array(Int32Array.from(values).buffer);
    case 'int16':
      return new Uint8Array(Int16Array.from(values).buffer);
    case 'int8':
      return new Uint8Array(Int8Array.from(values).buffer);
    case 'levels':
      return Uint8Array.from(values);
    case 'powerOfTwo':
      return packCodes(
        Array.from(values, (v) => shiftCode(v, bits) ?? 0),
        bits,
      );
    default:
  }
  if (bits > 1) return Uint8Array.from(values, (v) => toLevel(v, bits));
  const channels = shape.at(-1)!;
  const row = packedBytes(channels);
  const rows = elements(shape) / channels;
  const out = new Uint8Array(rows * row);
  for (let r = 0; r < rows; r++) {
    out.set(packSigns(Array.from({ length: channels }, (_, c) => values[r * channels + c])), r * row);
  }
  return out;
}

/** The inverse of packPlain. Elements of several bytes may come as bytes or as an array of their own width. */
export function unpackPlain(data: ArrayLike<number>, shape: readonly number[], type: ValueType): Values {
  const { encoding, bits } = type;
  const count = elements(shape);
  if (encoding === 'powerOfTwo') {
    return Float64Array.from(unpackCodes(Uint8Array.from(data), count, bits), (code) => shiftValue(code, bits));
  }
  if (encoding === 'centered' && bits === 1) {
    const channels = shape.at(-1)!;
    const row = packedBytes(channels);
    const out = new Float64Array(count);
    for (let r = 0; r < count / channels; r++) {
      const bytes = Uint8Array.from({ length: row }, (_, i) => data[r * row + i]);
      out.set(unpackSigns(bytes, channels), r * channels);
    }
    return out;
  }
  if (encoding === 'centered') return Float64Array.from({ length: count }, (_, i) => fromLevel(data[i], bits));
  return Float64Array.from({ length: count }, (_, i) => data[i]);
}

/** Weights (N, C) or (N, KH, KW, C), or any other constant, to its bytes. */
export function packConstant(values: ArrayLike<number>, packing: Packing): Uint8Array {
  const { shape, encoding, bits, layout, groups } = packing;
  const [n, taps, c] = rowsOf(packing);
  switch (layout) {
    case 'plain':
      return packPlain(values, shape, packing);
    case 'blocks16': {
      const level = encoding === 'ternary' ? ternaryLevel : (v: number): number => toLevel(v, bits);
      return packPlanes(Uint8Array.from(values, level), n, taps, c, bits);
    }
    case 'quads':
      return new Uint8Array(packQuads(values, weightGeometry(shape, groups)).buffer);
    case 'lanes':
      return new Uint8Array(packLanes(values, weightGeometry(shape, groups)).buffer);
    case 'pairs':
      return new Uint8Array(packPairs(values, depthwiseGeometry(shape)).buffer);
    case 'columns':
      return new Uint8Array(packColumns(values, depthwiseGeometry(shape)).buffer);
  }
}

/** The numbers v of a constant, row-major in its shape. */
export function unpackConstant(constant: Packing & { readonly data: Uint8Array }): Values {
  const { shape, encoding, bits, layout, groups, data } = constant;
  const [n, taps, c] = rowsOf(constant);
  // A copy, because a file may place its bytes at any address.
  const { buffer } = data.slice();
  switch (layout) {
    case 'plain':
      return unpackPlain(elementsOf(buffer, encoding), shape, constant);
    case 'blocks16':
      return Float64Array.from(unpackPlanes(data, n, taps, c, bits), (l) =>
        encoding === 'ternary' ? (l & 1) + (l >> 1) - 1 : fromLevel(l, bits),
      );
    case 'quads':
      return Float64Array.from(unpackQuads(new Int8Array(buffer), weightGeometry(shape, groups)));
    case 'lanes':
      return Float64Array.from(unpackLanes(new Float32Array(buffer), weightGeometry(shape, groups)));
    case 'pairs':
      return Float64Array.from(unpackPairs(new Int8Array(buffer), depthwiseGeometry(shape)));
    case 'columns':
      return Float64Array.from(unpackColumns(new Float32Array(buffer), depthwiseGeometry(shape)));
  }
}

/** N, taps and channels of weights. */
function rowsOf({ shape }: Packing): readonly [number, number, number] {
  return [shape[0], elements(shape.slice(1, -1)), shape.at(-1)!];
}

function elementsOf(buffer: ArrayBuffer, encoding: ValueType['encoding']): ArrayLike<number> {
  switch (encoding) {
    case 'float32':
      return new Float32Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'int16':
      return new Int16Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}
