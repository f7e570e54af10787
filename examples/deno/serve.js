// Reads handwritten digits in Deno: deno serve --host 127.0.0.1 --port 8080 --allow-read serve.js
import { load } from 'bitlane';
import { digitHandler } from '../shared/digits.js';

const handle = digitHandler(load(new URL(import.meta.resolve('bitlane/models/mnist-mlp.qnn'))));

export default { fetch: (request) => handle(request) };
