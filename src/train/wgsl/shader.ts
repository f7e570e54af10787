// What a WGSL kernel is to the WebGPU backend, and the text that all of them share: bindings, flat indices over the
// two-dimensional grid that long arrays need, and the store that either replaces or accumulates.
import type { ElementType } from '../tensor.js';

/** A compute shader with entry point `main`; its bindings 0, 1, ... are the tensors of the call in order. */
export interface Shader {
  readonly code: string;
  readonly workgroups: readonly [number, number, number];
}

/** What a kernel may choose by. */
export interface GpuTraits {
  /** Lanes of a subgroup where the adapter has subgroups of one fixed size, else null. */
  readonly subgroupSize: number | null;
  /** Whether shaders may store f16: half of the traffic, exact for signs and zeros. */
  readonly half: boolean;
}

/** Subgroups up to this size are those of CPUs. Hardware GPUs have 16 lanes and more. */
const LARGEST_CPU_SUBGROUP = 8;

/** Lanes of a subgroup if a CPU plays the GPU, else null. */
export function cpuLanes({ subgroupSize }: Pick<GpuTraits, 'subgroupSize'>): number | null {
  return subgroupSize !== null && subgroupSize <= LARGEST_CPU_SUBGROUP ? subgroupSize : null;
}

/** Workgroups that fill a large GPU: some four for each of its multiprocessors. */
export const ENOUGH_WORKGROUPS = 512;

/** Vectors of four where rows are a multiple of four elements long. */
type BindingType = ElementType | 'f16' | 'vec4f' | 'vec4u' | 'vec4h';

/** A storage buffer, `name` read-only or `name!` writable, with the element type behind a colon: 'y!:f32'. */
export type Binding = `${string}:${BindingType}`;

/** Declares the bindings 0, 1, ..., and first that some are f16 if so: only other `enable`s may stand before. */
export function bindings(...declarations: readonly Binding[]): string {
  const half = declarations.some((declaration) => /:(f16|vec4h)$/.test(declaration));
  const lines = declarations
    .map((declaration, binding) => {
      const [name, type] = declaration.split(':') as [string, BindingType];
      const access = name.endsWith('!') ? 'read_write' : 'read';
      return `@group(0) @binding(${binding}) var<storage, ${access}> ${name.replace('!', '')}: array<${type}>;`;
    })
    .join('\n');
  return half ? `enable f16;\n${lines}` : lines;
}

const FLAT_WORKGROUP = 64;
/** WebGPU's default limit of workgroups in one dimension. */
const MAX_WORKGROUPS = 65535;

/** A kernel of one thread per element; `body` sees the element's index as `i`. */
export function flatShader(declarations: string, size: number, body: string): Shader {
  const groups = Math.ceil(size / FLAT_WORKGROUP);
  const x = Math.min(groups, MAX_WORKGROUPS);
  const code = /* wgsl */ `${declarations}
@compute @workgroup_size(${FLAT_WORKGROUP}) fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y * ${x * FLAT_WORKGROUP}u + id.x;
  if (i >= ${size}u) { return; }
  ${body}
}`;
  return { code, workgroups: [x, Math.ceil(groups / x), 1] };
}

/** `=` or `+=`. */
export function assign(accumulate: boolean): string {
  return accumulate ? '+=' : '=';
}

/** A number as a WGSL f32 literal. */
export function f32(value: number): string {
  return `f32(${Math.fround(value)})`;
}
