// A Cloudflare Worker that reads handwritten digits. The kernels and the model are modules of the bundle; the model is made
// ready once an isolate, at its start, and shared by its requests.
import { load } from 'bitlane';
import file from 'bitlane/models/mnist-mlp.qnn';
import { digitHandler } from '../../shared/digits.js';

const handle = digitHandler(load(file));

export default { fetch: (request) => handle(request) };
