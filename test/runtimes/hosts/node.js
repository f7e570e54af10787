// The suite in Node and Bun, from the package as it was installed beside this file.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as api from 'bitlane';
import * as inline from 'bitlane/inline';
import * as pool from 'bitlane/pool';
import fixtures from './fixtures.js';
import { runSuite } from './suite.js';

const kernels = (build) => readFile(fileURLToPath(import.meta.resolve(`bitlane/kernels.${build}.wasm`)));
const light = process.env.BITLANE_LIGHT === '1';
const report = await runSuite({ api, fixtures, kernels, ...(light ? { light } : { pool }) });

const [{ model, inputs, outputs }] = fixtures;
const bytes = (text) => Uint8Array.from(Buffer.from(text, 'base64'));
const { scores } = (await inline.load(bytes(model), { batch: 10 })).run(bytes(inputs[0][2]));
if (Buffer.from(scores.buffer).toString('base64') !== outputs[0][2]) {
  report.failed++;
  report.failures.push('bitlane/inline differs from the reference');
} else report.passed++;

console.log(`RESULT ${JSON.stringify(report)}`);
