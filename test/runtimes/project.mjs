// An empty project with the packed package in it, as a user would have it, and the suite beside.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeFixtures } from './fixtures.mjs';

export const HERE = fileURLToPath(new URL('.', import.meta.url));
export const ROOT = resolve(HERE, '../..');
export const MODULES = join(HERE, 'node_modules');

function npm(args, cwd) {
  const path = process.env.npm_execpath;
  const [command, rest] = path ? [process.execPath, [path, ...args]] : ['npm', args];
  return execFileSync(command, rest, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Packs the package and installs the archive below `folder`. */
export async function makeProject(folder) {
  // As `prepack` does, but for the kernels, which stand in dist already.
  for (const script of ['build-js', 'bundle']) {
    execFileSync(process.execPath, [`scripts/${script}.mjs`], { cwd: ROOT, stdio: 'inherit' });
  }
  npm(['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], ROOT);
  const archive = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz')),
  );
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
  npm(['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error', archive], project);
  writeFixtures(join(project, 'fixtures.js'));
  copyFileSync(join(HERE, 'suite.js'), join(project, 'suite.js'));
  for (const name of readdirSync(join(HERE, 'hosts'))) copyFileSync(join(HERE, 'hosts', name), join(project, name));
  copyFileSync(join(ROOT, 'models/mnist-mlp.qnn'), join(project, 'mnist-mlp.qnn'));
  return { folder, archive, project };
}
