// Reads handwritten digits in Node: node server.js, then POST a picture to http://127.0.0.1:8080 (or $PORT).
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { load } from 'bitlane';
import { digitHandler } from '../shared/digits.js';

const handle = digitHandler(load(new URL(import.meta.resolve('bitlane/models/mnist-mlp.qnn'))));

/** A request of node:http as the handler takes it. */
function toRequest({ method, headers }, body) {
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return new Request('http://localhost/', {
    method,
    headers: { 'Content-Length': headers['content-length'] ?? '0' },
    ...(hasBody ? { body: Readable.toWeb(body), duplex: 'half' } : {}),
  });
}

const server = createServer(async (incoming, outgoing) => {
  try {
    const response = await handle(toRequest(incoming, incoming));
    // What was not read of a body that is too large is not waited for.
    const headers = incoming.complete ? {} : { Connection: 'close' };
    outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), ...headers });
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  } catch {
    // TRACE and CONNECT, which Request does not know.
    outgoing.writeHead(400, { Connection: 'close' }).end();
  }
});
server.requestTimeout = 10_000;
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
