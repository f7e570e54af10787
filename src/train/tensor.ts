// A tensor of the training tape: a name for an array of a fixed shape. It holds no data and no device handle; a backend
// gives it storage when a program that mentions it is compiled. Two tensors are the same one if they are the same
// object.

export type ElementType = 'f32' | 'u32';

export interface Tensor {
  /** For messages and for the labels of device buffers. */
  readonly label: string;
  /** Row-major; (batch, channels) for activations, (outputs, inputs) for dense weights. */
  readonly shape: readonly number[];
  /** Product of the shape, in elements. */
  readonly size: number;
  readonly type: ElementType;
}

/** A new tensor. Its storage starts as zeros. */
export function tensor(label: string, shape: readonly number[], type: ElementType = 'f32'): Tensor {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`tensor "${label}" expected dimensions of at least 1, got [${shape.join(', ')}]`);
  }
  return { label, shape: [...shape], size, type };
}

/** Rows and columns of a two-dimensional tensor. */
export function matrixShape(t: Tensor): readonly [rows: number, columns: number] {
  if (t.shape.length !== 2) {
    throw new RangeError(`tensor "${t.label}" expected 2 dimensions, got shape [${t.shape.join(', ')}]`);
  }
  return [t.shape[0], t.shape[1]];
}
