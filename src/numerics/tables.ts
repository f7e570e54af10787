// Tables of functions for integers: what recurrent cells look gates up in, and activations of 8-bit numbers.

/** The entry of a table of 256 for the signed index -128 .. 127: tables stand in the order of the stored byte. */
export function tableIndex(i: number): number {
  return i & 255;
}

/** int16 table in units of 2^-15: entry i = f(i * step), i = -128 .. 127, rounded, within +-32767. */
export function gateTable(f: (x: number) => number, step: number): Int16Array {
  const table = new Int16Array(256);
  for (let i = -128; i < 128; i++) {
    table[tableIndex(i)] = Math.max(-32767, Math.min(32767, Math.round(f(i * step) * 32768)));
  }
  return table;
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
