// The folder that a command reads its data set from: the user's, or bitlane's cache, which is filled on first use.
import { DataError } from '../errors.js';
import { dataFolder } from '../train/data/download.js';
import type { DatasetName } from '../train/data/sources.js';
import { Failure } from './failure.js';
import { checkFolder } from './files.js';
import { fetchLines } from './progress.js';

/**
 * @param folder what --data says
 * @throws Failure if the folder is not there, or what should be fetched could not be: it names what was tried
 */
export async function dataOf(folder: string | undefined, dataset: DatasetName, signal: AbortSignal): Promise<string> {
  if (folder !== undefined) {
    await checkFolder(folder, 'data folder');
    return folder;
  }
  try {
    return await dataFolder(dataset, { signal, onProgress: fetchLines(process.stderr) });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new Failure(`${error.message} (--data DIR)`, { cause: error });
  }
}
