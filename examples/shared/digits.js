// Handwritten digits over HTTP, for every server that speaks Request and Response. POST a picture of 28 x 28 pixels, white on
// black: a PNG, or 784 bytes. One model answers all requests: a run is synchronous, so two never meet in it.
import { decodePng, isPng, PictureError } from './png.js';

const WIDTH = 28;
const HEIGHT = 28;
/** A picture of this size without any compression has at most 6.3 KB; the rest is for its metadata. */
const MAX_BYTES = 16 * 1024;
/** Up to here a body that is too large is read and thrown away, so that its sender gets an answer and not a closed door. */
const MAX_DISCARDED = 1024 * 1024;
const USAGE = `POST a digit, white on black: a PNG of ${WIDTH} x ${HEIGHT} pixels, or ${WIDTH * HEIGHT} bytes.\n`;

/** An answer that is not a digit. */
class Refusal extends Error {
  constructor(status, message, headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * Makes the handler of a server.
 *
 * @param model a promise of a model with 784 bytes in and ten scores out
 */
export function digitHandler(model) {
  return async (request) => {
    try {
      if (request.method === 'GET' || request.method === 'HEAD') return new Response(USAGE);
      if (request.method !== 'POST') throw new Refusal(405, 'expected POST', { Allow: 'GET, HEAD, POST' });
      const pixels = await readPicture(request);
      const { scores } = (await model).run(pixels);
      return answer(200, { digit: scores.indexOf(Math.max(...scores)), scores: [...scores] });
    } catch (error) {
      if (error instanceof Refusal) return answer(error.status, { error: error.message }, error.headers);
      console.error(error);
      return answer(500, { error: 'the server could not answer' });
    }
  };
}

function answer(status, value, headers = {}) {
  return Response.json(value, { status, headers: { 'Cache-Control': 'no-store', ...headers } });
}

async function readPicture(request) {
  const bytes = await readBody(request);
  if (isPng(bytes)) {
    try {
      return await decodePng(bytes, WIDTH, HEIGHT);
    } catch (error) {
      if (error instanceof PictureError) throw new Refusal(422, error.message);
      throw error;
    }
  }
  if (bytes.length === WIDTH * HEIGHT) return bytes;
  if (bytes.length === 0) throw new Refusal(400, 'expected a picture, got an empty body');
  throw new Refusal(415, `expected a PNG or ${WIDTH * HEIGHT} bytes, got ${bytes.length} bytes of something else`);
}

/** Keeps no more than the limit, whatever the headers say. */
async function readBody(request) {
  const tooLarge = new Refusal(413, `expected at most ${MAX_BYTES} bytes`);
  if (Number(request.headers.get('Content-Length')) > MAX_DISCARDED) throw tooLarge;
  if (request.body === null) return new Uint8Array(0);
  const bytes = new Uint8Array(MAX_BYTES);
  let length = 0;
  const reader = request.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (length + value.length <= MAX_BYTES) bytes.set(value, length);
      length += value.length;
      if (length > MAX_DISCARDED) {
        await reader.cancel();
        break;
      }
    }
  } catch {
    throw new Refusal(400, 'expected a whole body, got a broken one');
  }
  if (length > MAX_BYTES) throw tooLarge;
  return bytes.subarray(0, length);
}
