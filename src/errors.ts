// Errors that callers are expected to meet and handle. Anything else that is thrown is a defect of bitlane itself
// (its message starts with "internal:").

/** A model file that is damaged, hostile, or of another version. Nothing was allocated or run. */
export class ModelFormatError extends Error {
  override readonly name = 'ModelFormatError';
  /** Where in the file: a table path such as `model.nodes[3].inputs[0]`, or `file` for the whole of it. */
  readonly path: string;
  /** Byte offset in the file at which the value stands, where there is one. */
  readonly offset: number | undefined;

  constructor(path: string, expected: string, got: string | number, offset?: number) {
    const place = offset === undefined ? '' : ` (byte ${offset})`;
    super(`model file: "${path}"${place} expected ${expected}, got ${got}`);
    this.path = path;
    this.offset = offset;
  }
}

/** A graph that cannot be run as it is written: the message names the node, what was expected and what came. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
}

/** A model that needs an operator, encoding or engine feature that is not here. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
}

/** An input or output buffer whose type, length or name does not fit the model. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** A data set folder or file that is missing or damaged. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

/** Training that cannot start or go on: no device, or a value that stopped being finite. */
export class TrainError extends Error {
  override readonly name = 'TrainError';
}

/** A trained network whose export does not answer as the trainer did, or that has no integer form. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
}
