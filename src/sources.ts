// Where models come from on hosts that reach them by fetch. Hosts with files add those: sources.files.ts.
import { ModelFormatError } from './errors.js';

/** Bytes of a model, or where they are: a URL (text is one too; on hosts with files, a path), a Response. */
export type ModelSource = Uint8Array | ArrayBuffer | string | URL | Response;

/** @throws ModelFormatError for an address that gives no file */
export async function fetchBytes(source: ModelSource | Promise<ModelSource>): Promise<Uint8Array> {
  const given = await source;
  if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  // By their tags, because a host may hand over another realm's.
  const tag = Object.prototype.toString.call(given);
  if (tag === '[object ArrayBuffer]') return new Uint8Array(given as ArrayBuffer);
  if (tag === '[object Response]') return bodyOf(given as Response);
  if (typeof given === 'string' || tag === '[object URL]') return bodyOf(await fetch(given as string | URL));
  throw new TypeError(
    `"source" expected bytes, a path, a URL or a Response, got ${given === null ? 'null' : typeof given}`,
  );
}

async function bodyOf(response: Response): Promise<Uint8Array> {
  if (!response.ok) throw new ModelFormatError('file', `a model at ${response.url}`, `HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
