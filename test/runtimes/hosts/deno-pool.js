// The suite with threads in Deno, which reads their code with --allow-read.
import * as api from 'bitlane';
import * as pool from 'bitlane/pool';
import fixtures from './fixtures.js';
import { runSuite } from './suite.js';

console.log(`RESULT ${JSON.stringify(await runSuite({ api, fixtures: fixtures.slice(0, 2), pool }))}`);
