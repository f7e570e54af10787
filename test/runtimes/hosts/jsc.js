// The suite in WebKit's shell, bundled to one script with the kernels inside.
import './jsc-shell.js';
import * as api from 'bitlane/inline';
import fixtures from './fixtures.js';
import { runSuite } from './suite.js';

runSuite({ api, fixtures }).then(
  (report) => print(`RESULT ${JSON.stringify(report)}`),
  (error) => print(`${error}\n${error.stack}`),
);
