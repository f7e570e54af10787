// Compiles src/ to dist/. tsc leaves unchanged files alone, so the entry is touched to say when that was.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, utimesSync } from 'node:fs';

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
const now = new Date();
utimesSync('dist/index.node.js', now, now);
if (existsSync('dist/cli/main.js')) chmodSync('dist/cli/main.js', 0o755);
