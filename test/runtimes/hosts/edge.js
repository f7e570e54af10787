// The suite in an edge function: the kernels come from the host, from another realm.
import * as api from 'bitlane';
import fixtures from './fixtures.js';
import { runSuite } from './suite.js';

addEventListener('fetch', (event) => {
  event.respondWith(runSuite({ api, fixtures }).then((report) => Response.json(report)));
});
