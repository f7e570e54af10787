// The kernel builds that this engine runs; tests of kernels run on each.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Build, BUILDS, supports } from '../../src/wasm/builds.js';
import type { ModuleSource } from '../../src/wasm/instantiate.js';

export const builds: readonly Build[] = BUILDS.filter((build) => {
  if (supports(build)) return true;
  console.log(`skipped: this engine does not run the ${build} build`);
  return false;
});

/** Tests run in the project's root, where `npm test` puts the builds into dist. */
export function kernelBytes(build: Build): ModuleSource {
  return readFileSync(join('dist', `kernels.${build}.wasm`));
}
