// The contract between the tape and a backend: every kernel by name, with its parameters, the order of its buffers and
// what it computes. A tape is a list of such calls, plain data; a backend is one way to carry them out (WGSL in wgsl/, WebAssembly
// in cpu/).
//
// Letters: B rows of a batch, C channels, I and O inputs and outputs of a layer, m x n x k a matrix product.
// Gradients are named d<tensor>. With `accumulate` a gradient is added to what its buffer holds, else it replaces it.
// No buffer may appear twice in one call: WebGPU forbids a buffer that is read and written in the same dispatch. What a
// call writes no other call of the program writes, unless it accumulates.
import type { MapSpec } from './maps.js';
import type { Tensor } from './tensor.js';

export interface KernelParams {
  /** data, indices, out: out[b, i] = 2 * byte(data, indices[b] * features + i) - 255. data is bytes, four to a u32. */
  gatherBytes: { readonly rows: number; readonly features: number };

  /**
   * a, b, c: c (m, n) = op(a) op(b), where op(a) is (m, k), stored (k, m) if transposeA; op(b) (k, n), stored (n, k).
   */
  matmul: {
    readonly m: number;
    readonly n: number;
    readonly k: number;
    readonly transposeA: boolean;
    readonly transposeB: boolean;
    readonly accumulate: boolean;
  };

  /** x, y: y = alpha h(x) + (1 - alpha) x, for the map h of maps.ts. */
  map: MapSpec & { readonly size: number; readonly alpha: number };
  /** x, dy, dx: dx = factor * dy * slope(x), 0 where the slope is 0. */
  mapBackward: MapSpec & { readonly size: number; readonly factor: number; readonly accumulate: boolean };

  /**
   * x, gamma, beta, y, saved, running: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, over rows of (B, C).
   * saved (2, C) takes mean and 1/sqrt(variance + epsilon); running (2, C) moves to mean and variance by `momentum`.
   */
  batchNorm: { readonly rows: number; readonly channels: number; readonly epsilon: number; readonly momentum: number };
  /** x, gamma, saved, dy, dx, dgamma, dbeta; `accumulate` is for dx, dgamma, dbeta in this order. */
  batchNormBackward: {
    readonly rows: number;
    readonly channels: number;
    readonly accumulate: readonly [boolean, boolean, boolean];
  };
  /** s, affine, y: y[b, c] = +1 if scale[c] * s[b, c] >= -shift[c] else -1; affine (2, C) is scale, then shift. */
  affineSign: { readonly rows: number; readonly channels: number };

  /** scores, labels, loss, totals: loss = mean(max(0, 1 - t * o)^2); totals += [loss, number of right answers]. */
  squaredHinge: { readonly rows: number; readonly channels: number };
  /** scores, labels, dloss, dscores: dscores = dloss * -2t * max(0, 1 - t * o) / (B * C). */
  squaredHingeBackward: { readonly rows: number; readonly channels: number; readonly accumulate: boolean };

  /**
   * dw, rates, w, m, v: Adam; rates is [learning rate / (1 - beta1^t), 1 / (1 - beta2^t)]. The step is multiplied by
   * `stepScale`; w is then clipped to [-clip, clip], unless clip is null.
   */
  adam: {
    readonly size: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly stepScale: number;
    readonly clip: number | null;
  };
}

export type KernelName = keyof KernelParams;

/** One kernel on given tensors, in the order that KernelParams states. */
export type Call = {
  [N in KernelName]: { readonly kernel: N; readonly params: KernelParams[N]; readonly tensors: readonly Tensor[] };
}[KernelName];

/** A list of calls made ready for a device. */
export interface Program {
  /** Starts the calls in order. Returns at once on an asynchronous device; reading a tensor waits. */
  run(): void;
}

/** Storage and execution for tensors. */
export interface Backend {
  /** What computes, for the training record. */
  readonly description: string;
  compile(calls: readonly Call[]): Promise<Program>;
  /** Overwrites the first data.length elements of `t`. */
  write(t: Tensor, data: Float32Array | Uint32Array): void;
  /** The contents of an f32 tensor after everything that was started. @throws TrainError when the device failed */
  read(t: Tensor): Promise<Float32Array>;
  /** Frees the storage. The device stays open. */
  dispose(): void;
}
