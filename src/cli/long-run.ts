// What long commands share: they can be stopped, and what they write records how to repeat them.
import { constants } from 'node:os';
import { basename } from 'node:path';
import { Interrupted } from './failure.js';

/** The first Ctrl-C (or SIGTERM) asks to stop, the second one is the system's. `what` says what is left. */
export function interruptible(what: string) {
  const controller = new AbortController();
  let received: 'SIGINT' | 'SIGTERM' = 'SIGINT';
  const stop = (name: NodeJS.Signals): void => {
    received = name === 'SIGTERM' ? 'SIGTERM' : 'SIGINT';
    release();
    controller.abort();
  };
  const release = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const { signal } = controller;
  const stopIfAborted = (cause?: unknown): void => {
    if (!signal.aborted) return;
    throw new Interrupted(`stopped before the end; ${what}`, constants.signals[received], { cause });
  };
  return { signal, stopIfAborted, release };
}

/** What the model file records: enough to make it again, without the folders of this machine. */
export function commandOf(
  recipe: string,
  { data, out }: { readonly data?: string | undefined; readonly out?: string | undefined },
  options: Readonly<Record<string, string | number | undefined>>,
): string {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const flags = given.map(([name, value]) => `--${name} ${value}`);
  const paths = [
    ...(data === undefined ? [] : ['--data DIR']),
    ...(out === undefined ? [] : [`--out ${basename(out)}`]),
  ];
  return ['bitlane', 'train', recipe, ...paths, ...flags].join(' ');
}
