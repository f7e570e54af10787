// Writes the files of the conformance kit: npm run conformance
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { conformanceKit, FOLDER } from './kit.js';

const files = await conformanceKit();
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
let bytes = 0;
for (const [name, data] of files) {
  writeFileSync(join(FOLDER, name), data);
  bytes += data.length;
}
console.log(`${files.size} files, ${bytes} bytes in ${FOLDER}`);
