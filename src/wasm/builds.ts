// Which of the three kernel builds an engine can run: WebAssembly.validate on two tiny modules.

/** Builds of the kernels, slowest first. All give equal results. */
export const BUILDS = ['scalar', 'simd', 'relaxed'] as const;
export type Build = (typeof BUILDS)[number];

/** A module with one function that returns a v128, up to its code. */
const HEADER = [
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, 0x03, 0x02, 0x01, 0x00],
];

/** (module (func (result v128) i32.const 0  i8x16.splat  i8x16.popcnt)) */
const SIMD = Uint8Array.of(...HEADER, ...[0x0a, 0x0a, 0x01, 0x08, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0xfd, 0x62, 0x0b]);

/** (module (func (result v128) i32.const 1  i8x16.splat  i32.const 2  i8x16.splat  i8x16.relaxed_swizzle)) */
const RELAXED = Uint8Array.of(
  ...HEADER,
  ...[0x0a, 0x0f, 0x01, 0x0d, 0x00, 0x41, 0x01, 0xfd, 0x0f, 0x41, 0x02, 0xfd, 0x0f, 0xfd, 0x80, 0x02, 0x0b],
);

/** Whether this engine accepts the build. False for all of them where WebAssembly is switched off. */
export function supports(build: Build): boolean {
  if (typeof WebAssembly !== 'object') return false;
  return build === 'scalar' || WebAssembly.validate(build === 'simd' ? SIMD : RELAXED);
}

/** The fastest build that this engine accepts. */
export function bestBuild(): Build {
  return supports('relaxed') ? 'relaxed' : supports('simd') ? 'simd' : 'scalar';
}
