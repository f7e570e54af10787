// Where models come from on hosts with a file system: paths and file URLs as well.
import { readFile } from 'node:fs/promises';
import { fetchBytes, type ModelSource } from './sources.js';

/** @throws the system's error where a file cannot be read */
export async function readBytes(source: ModelSource | Promise<ModelSource>): Promise<Uint8Array> {
  const given = await source;
  if (typeof given === 'string' || (given instanceof URL && given.protocol === 'file:')) return readFile(given);
  return fetchBytes(given);
}
