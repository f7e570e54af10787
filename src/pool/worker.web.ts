// A thread of web.ts and deno.ts.
import type { Job, Start } from './pool.js';
import { serve } from './serve.js';

const take = serve((reply, transfer) => self.postMessage(reply, { transfer }));
self.onmessage = ({ data }: MessageEvent<Start | Job>) => take(data);
