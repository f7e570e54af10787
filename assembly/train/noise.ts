// Random numbers by counter, the same on every backend: noise(key, stream, i) of src/numerics/random.ts.

/** PCG's output function (O'Neill 2014; as a hash, Jarzynski and Olano 2020). */
// @ts-ignore: decorator
@inline
export function hash(x: u32): u32 {
  const state = x * 747796405 + 2891336453;
  const word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737;
  return (word >> 22) ^ word;
}

/** Uniform in [0, 1), of 24 bits. `seed` is hash(key + hash(stream)). */
// @ts-ignore: decorator
@inline
export function noise(seed: u32, i: u32): f32 {
  return <f32>(hash(seed + hash(i)) >> 8) * 5.9604644775390625e-8;
}

/** What noise() takes. */
// @ts-ignore: decorator
@inline
export function noiseSeed(key: u32, stream: u32): u32 {
  return hash(key + hash(stream));
}
