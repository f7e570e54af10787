// Compiles the tests and runs test/fuzz on damaged models: npm run fuzz -- --count N --seed S [--from K] [--json]
import { execFileSync, spawnSync } from 'node:child_process';

execFileSync(process.execPath, ['scripts/setup.mjs'], { stdio: ['ignore', 2, 2] });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json'], { stdio: 'inherit' });
const { status } = spawnSync(process.execPath, ['build/test/fuzz/main.js', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
