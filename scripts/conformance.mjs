// Writes the files of test/conformance anew, after a change of the format or of its cases: npm run conformance
import { execFileSync } from 'node:child_process';

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json'], { stdio: 'inherit' });
execFileSync(process.execPath, ['build/test/conformance/generate.js'], { stdio: 'inherit' });
