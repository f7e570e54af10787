// A thread of node.ts.
import { parentPort } from 'node:worker_threads';
import type { Job, Start } from './pool.js';
import { serve } from './serve.js';

const take = serve((reply, transfer) => parentPort!.postMessage(reply, transfer));
parentPort!.on('message', (message: Start | Job) => take(message));
