// The Penn Treebank's language-model split (Mikolov et al. 2010) from a folder: ptb.train.txt, ptb.valid.txt and ptb.test.txt,
// plain or gzipped. As characters, a word that stands for all rare ones is the five characters <unk>, as in the literature.
import { DataError } from '../../errors.js';
import { readDataFile } from './files.js';
import { textData, type TextData, type TextUnit } from './text.js';

const WHERE = "it is in Mikolov's simple-examples.tgz, folder data";

/** Reads the three parts. @throws DataError naming the file that is missing or damaged */
export async function loadPennTreebank(folder: string, unit: TextUnit): Promise<TextData> {
  const train = await loadPennTreebankPart(folder, 'train');
  const validation = await loadPennTreebankPart(folder, 'valid');
  const test = await loadPennTreebankPart(folder, 'test');
  return textData('Penn Treebank', unit, { train, validation, test });
}

/** The text of one part. @throws DataError naming the file that is missing or damaged */
export async function loadPennTreebankPart(folder: string, part: 'train' | 'valid' | 'test'): Promise<string> {
  const name = `ptb.${part}.txt`;
  for (const path of [`${folder}/${name}`, `${folder}/${name}.gz`]) {
    const bytes = await readDataFile(path);
    if (bytes) return new TextDecoder().decode(bytes);
  }
  throw new DataError(`Penn Treebank folder "${folder}" expected a file ${name} or ${name}.gz, got none; ${WHERE}`);
}
