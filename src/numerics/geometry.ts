// The geometry of convolutions and pooling windows, as the plan, the reference and the tests share it. Maps are NHWC.

/** A window that slides over a map. */
export interface Window {
  readonly height: number;
  readonly width: number;
  /** Input channels, all groups together. */
  readonly channels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly dilationY: number;
  readonly dilationX: number;
  readonly padTop: number;
  readonly padBottom: number;
  readonly padLeft: number;
  readonly padRight: number;
}

/** A convolution; weights are (n, kernelHeight, kernelWidth, channels / groups). */
export interface ConvGeometry extends Window {
  /** Divides `channels` and `n`. */
  readonly groups: number;
  /** Output channels, all groups together. */
  readonly n: number;
}

/** Rows of the output. */
export function outHeight(g: Window): number {
  return Math.floor((g.height + g.padTop + g.padBottom - g.dilationY * (g.kernelHeight - 1) - 1) / g.strideY) + 1;
}

/** Columns of the output. */
export function outWidth(g: Window): number {
  return Math.floor((g.width + g.padLeft + g.padRight - g.dilationX * (g.kernelWidth - 1) - 1) / g.strideX) + 1;
}

/** A dense layer of k inputs and n outputs: a convolution of a 1x1 map. */
export function denseGeometry(k: number, n: number): ConvGeometry {
  return {
    height: 1,
    width: 1,
    channels: k,
    kernelHeight: 1,
    kernelWidth: 1,
    strideY: 1,
    strideX: 1,
    dilationY: 1,
    dilationX: 1,
    padTop: 0,
    padBottom: 0,
    padLeft: 0,
    padRight: 0,
    groups: 1,
    n,
  };
}
