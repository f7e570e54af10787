// What scripts/build-wasm.mjs puts beside the compiled entries, as they import it.
declare module '*/kernels.relaxed.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
declare module '*/kernels.simd.wasm?module' {
  const module: WebAssembly.Module;
  export default module;
}
declare module '*/kernels.source.js' {
  const module: WebAssembly.Module;
  export default module;
}
declare module '*/kernels.inline.js' {
  const base64: string;
  export default base64;
}
