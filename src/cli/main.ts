#!/usr/bin/env node
// The command `bitlane`: the boundary at which errors become one line on stderr and an exit code.
//   0 success   1 the command failed   2 the command line is wrong   130, 143 stopped by a signal
import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import * as errors from '../errors.js';
import { Failure, Interrupted, UsageError } from './failure.js';
import { createProgram } from './program.js';
import { printable } from './text.js';

/** Errors whose message is written for the user. */
const EXPECTED = [...Object.values(errors), Failure, UsageError, Interrupted];

/** What shells report for a program that writes to a closed pipe. */
const BROKEN_PIPE = 141;

// `bitlane ... | head` closes the pipe early: that is no error to print.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(BROKEN_PIPE);
});
process.stderr.on('error', () => {});

const code = await main(process.argv);
// A WebGPU implementation may keep threads, and with them the process, alive: end it once all output is out.
process.stderr.write('', () => process.stdout.write('', () => process.exit(code)));

async function main(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync(argv);
    return 0;
  } catch (error) {
    // commander has printed its message already; its help and version end this way too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    report(error, program.opts<{ debug?: boolean }>().debug === true);
    if (error instanceof Interrupted) return error.exitCode;
    return error instanceof UsageError ? 2 : 1;
  }
}

function report(error: unknown, debug: boolean): void {
  const message = error instanceof Error ? error.message : String(error);
  const expected = EXPECTED.some((type) => error instanceof type);
  const hint = debug ? '' : ' (--debug shows where)';
  process.stderr.write(`bitlane: ${printable(expected ? message : `internal error: ${message}${hint}`)}\n`);
  // inspect() prints the stack and those of the causes.
  if (debug) process.stderr.write(`${inspect(error)}\n`);
}
