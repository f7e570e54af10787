// What the commands throw when the user can do something about it: the message is the one line that is printed.

/** A failure with a message of its own; exit code 1. `cause` is shown with --debug. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

/** A command line that cannot be meant; exit code 2. For what commander itself does not see. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command was stopped by a signal; exit code 128 + its number, as shells expect. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;

  constructor(message: string, signalNumber: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = 128 + signalNumber;
  }
}
