// Damage to model files: fields found by walking the schema's tables, and bytes.
import { fileBytesField } from '../../src/model/decode.js';
import { type Field, SCALAR_BYTES, TABLES } from '../../src/model/layout.js';

export type Random = (n: number) => number;

/** A number in the file, or a place where an offset or a length stands. */
interface Place {
  readonly at: number;
  readonly bytes: 1 | 2 | 4;
  readonly what: 'number' | 'float' | 'length' | 'offset' | 'slot' | 'data';
}

/** All places of a valid file. */
export function placesOf(file: Uint8Array): Place[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const places: Place[] = [];
  const seen = new Set<number>();
  const target = (at: number): number => at + view.getUint32(at, true);

  const vector = (at: number): number => {
    places.push({ at, bytes: 4, what: 'length' });
    return view.getUint32(at, true);
  };
  const elements = (at: number, size: number): void => {
    const count = vector(at);
    // Enough of long data: a flip anywhere in it is like any other.
    for (let i = 0; i < Math.min(count, 64); i++) {
      places.push({ at: at + 4 + i * size, bytes: size === 4 ? 4 : 1, what: size === 4 ? 'number' : 'data' });
    }
  };
  const table = (name: string, at: number): void => {
    if (seen.has(at)) return;
    seen.add(at);
    const vtable = at - view.getInt32(at, true);
    const slots = (view.getUint16(vtable, true) - 4) / 2;
    let slot = 0;
    const locate = (): number => {
      const entry = vtable + 4 + 2 * slot;
      const offset = slot++ < slots ? view.getUint16(entry, true) : 0;
      if (offset === 0) return 0;
      places.push({ at: entry, bytes: 2, what: 'slot' });
      return at + offset;
    };
    for (const field of Object.values(TABLES[name])) follow(field, locate);
  };
  const follow = (field: Field, locate: () => number): void => {
    const place = locate();
    if (field.kind === 'union') {
      const value = locate();
      if (place === 0 || value === 0) return;
      places.push({ at: place, bytes: 1, what: 'number' }, { at: value, bytes: 4, what: 'offset' });
      table(field.members[file[place] - 1], target(value));
      return;
    }
    if (place === 0) return;
    if (field.kind === 'scalar') {
      const bytes = SCALAR_BYTES[field.type];
      places.push({ at: place, bytes, what: field.type === 'Float32' ? 'float' : 'number' });
      return;
    }
    places.push({ at: place, bytes: 4, what: 'offset' });
    const to = target(place);
    if (field.kind === 'string') elements(to, 1);
    else if (field.kind === 'vector') elements(to, field.bytes);
    else if (field.kind === 'table') table(field.table, to);
    else {
      const count = vector(to);
      for (let i = 0; i < count; i++) {
        const at = to + 4 + 4 * i;
        places.push({ at, bytes: 4, what: 'offset' });
        if (field.kind === 'tables') table(field.table, target(at));
        else elements(target(at), 1);
      }
    }
  };
  places.push({ at: 0, bytes: 4, what: 'offset' });
  table('Model', target(0));
  return places;
}

/** Numbers at which things change. */
const EDGES = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  15,
  16,
  17,
  31,
  32,
  62,
  63,
  64,
  127,
  128,
  255,
  256,
  65535,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];
const REALS = [0, -0, 1, -1, 0.5, 1e-30, 3e38, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 16777217];

function edit(file: Uint8Array, place: Place, places: readonly Place[], random: Random): void {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const { at, bytes, what } = place;
  if (at + bytes > file.length) return;
  const get = (p: Place): number =>
    p.bytes === 4 ? view.getUint32(p.at, true) : p.bytes === 2 ? view.getUint16(p.at, true) : view.getUint8(p.at);
  const put = (value: number): void => {
    if (bytes === 4) view.setUint32(at, value, true);
    else if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint8(at, value);
  };
  if (what === 'float' && random(2)) {
    view.setFloat32(at, REALS[random(REALS.length)], true);
    return;
  }
  if (what === 'offset' && random(2)) {
    // To where another offset points: a table or vector of another kind, or shared.
    const others = places.filter((other) => other.what === 'offset' && other.at + 4 <= file.length);
    const other = others[random(others.length)];
    put(other.at + get(other) - at);
    return;
  }
  switch (random(6)) {
    case 0:
      return put(EDGES[random(EDGES.length)]);
    case 1:
      return put(get(place) + 1);
    case 2:
      return put(get(place) - 1);
    case 3:
      return put(get(place) ^ (1 << random(8 * bytes)));
    case 4: {
      const alike = places.filter(
        (other) => other.what === what && other.bytes === bytes && other.at + bytes <= file.length,
      );
      return put(get(alike[random(alike.length)]));
    }
    default:
      return put(random(2 ** 16) * 2 ** 16 + random(2 ** 16));
  }
}

/** The size that the header says, so that damage behind it is reached. */
function repairSize(file: Uint8Array): void {
  const field = file.length >= 16 ? fileBytesField(file) : 0;
  if (field !== 0) new DataView(file.buffer, file.byteOffset, file.byteLength).setUint32(field, file.length, true);
}

/** A damaged copy of a file. */
export function mutate(
  file: Uint8Array,
  places: readonly Place[],
  others: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  let out = file.slice();
  for (let left = 1 + random(3); left > 0; left--) {
    const at = random(out.length);
    switch (random(16)) {
      case 0:
        out[at] = random(256);
        break;
      case 1:
        out[at] ^= 1 << random(8);
        break;
      case 2:
        out = out.slice(0, random(8) ? out.length - random(Math.min(out.length, 64)) : at);
        if (random(4)) repairSize(out);
        break;
      case 3: {
        // A piece of another file, or of this one, over this one.
        const source = random(2) ? others[random(others.length)] : file;
        const from = random(source.length) & ~3;
        const length = 4 + 4 * random(32);
        const piece = source.subarray(from, from + length).subarray(0, out.length - (at & ~3));
        out.set(piece, at & ~3);
        break;
      }
      case 4: {
        // A piece inserted or taken out.
        const cut = at & ~3;
        const length = 4 * (1 + random(8));
        const tail = out.subarray(random(2) ? Math.min(cut + length, out.length) : cut);
        const gap = tail.length === out.length - cut ? length : 0;
        const longer = new Uint8Array(cut + gap + tail.length);
        longer.set(out.subarray(0, cut));
        longer.set(tail, cut + gap);
        out = longer;
        repairSize(out);
        break;
      }
      default:
        edit(out, places[random(places.length)], places, random);
    }
    if (out.length === 0) return out;
  }
  return out;
}
