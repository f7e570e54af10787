// Seeded random numbers: xoshiro128** 1.1 of Blackman and Vigna (2018), its four words of state drawn from the seed by
// splitmix32. Everything random in training comes from here, so that a seed names a run. Not for secrets.

/** A generator whose whole sequence follows from its seed. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed` is an integer; its low 32 bits count. */
  constructor(seed: number) {
    let state = seed | 0;
    const next = () => {
      state = (state + 0x9e3779b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) | 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** Where the sequence stands: four words that restore() takes. */
  state(): readonly number[] {
    return [this.#a, this.#b, this.#c, this.#d];
  }

  /** Continues a sequence where state() was asked. */
  restore(state: readonly number[]): void {
    const [a, b, c, d] = state;
    if (a === undefined || b === undefined || c === undefined || d === undefined) {
      throw new RangeError(`"state" expected 4 words, got ${state.length}`);
    }
    this.#a = a | 0;
    this.#b = b | 0;
    this.#c = c | 0;
    this.#d = d | 0;
  }

  /** The next 32 bits, 0 .. 2^32 - 1. */
  uint32(): number {
    const x = Math.imul(this.#b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9);
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** A float in [low, high) with 24 random bits, which float32 holds exactly for [0, 1). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * ((this.uint32() >>> 8) * 2 ** -24);
  }

  /** An integer in [0, bound), without bias; bound is 1 .. 2^32. */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let x = this.uint32();
    while (x >= limit) x = this.uint32();
    return x % bound;
  }

  /** Shuffles `values` in place (Fisher and Yates). */
  shuffle(values: Uint32Array): void {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const t = values[i];
      values[i] = values[j]!;
      values[j] = t;
    }
  }
}

/** PCG's output function on one 32-bit word (O'Neill 2014; as a hash: Jarzynski and Olano 2020). */
export function hash32(x: number): number {
  const state = (Math.imul(x, 747796405) + 2891336453) >>> 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}

/**
 * Element i of the noise that `key` (a step of training) and `stream` (a place in the network) name: uniform in [0, 1)
 * with 24 bits. By counter, so that any device computes any element on its own: hash(hash(key + hash(stream)) + hash(i)).
 */
export function noise(key: number, stream: number, i: number): number {
  return (hash32(hash32(key + hash32(stream)) + hash32(i)) >>> 8) * 2 ** -24;
}
