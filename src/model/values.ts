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
import { packWeights, unpackWeights } from '../numerics/quads.js';
import { ARRAYS, type Constant, elements, type TensorType, type ValueType, weightGeometry } from './graph.js';

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
  if (encoding !== 'powerOfTwo') return packTensor(values, shape, type as TensorType);
  const codes = Array.from(values, (v) => shiftCode(v, bits) ?? 0);
  return packCodes(codes, bits);
}

/** The same for encodings that tensors have. */
export function packTensor(values: ArrayLike<number>, shape: readonly number[], type: TensorType): Uint8Array {
  const { encoding, bits } = type;
  if (encoding !== 'centered') return new Uint8Array(ARRAYS[encoding].from(values).buffer);
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
  const { shape, encoding, bits, layout } = packing;
  if (layout === 'plain') return packPlain(values, shape, packing);
  if (layout !== 'blocks16') return new Uint8Array(packWeights(layout, values, weightGeometry(packing)).buffer);
  const level = encoding === 'ternary' ? ternaryLevel : (v: number): number => toLevel(v, bits);
  const [n, taps, c] = rowsOf(packing);
  return packPlanes(Uint8Array.from(values, level), n, taps, c, bits);
}

/** The numbers v of a constant, row-major in its shape. */
export function unpackConstant(constant: Packing & { readonly data: Uint8Array }): Values {
  const { shape, encoding, bits, layout, data } = constant;
  if (layout === 'blocks16') {
    const [n, taps, c] = rowsOf(constant);
    return Float64Array.from(unpackPlanes(data, n, taps, c, bits), (l) =>
      encoding === 'ternary' ? (l & 1) + (l >> 1) - 1 : fromLevel(l, bits),
    );
  }
  // A copy, because a file may place its bytes at any address.
  const values = new ARRAYS[encoding](data.slice().buffer);
  if (layout === 'plain') return unpackPlain(values, shape, constant);
  return Float64Array.from(unpackWeights(layout, values, weightGeometry(constant)));
}

/** N, taps and channels of weights. */
function rowsOf({ shape }: Packing): readonly [number, number, number] {
  return [shape[0], elements(shape.slice(1, -1)), shape.at(-1)!];
}
