// The table of bytes: each layer as float32, packed, and in the file. Its rows add up to the file.
import type { Summary } from '../runtime/summary.js';
import { type Column, count, printable, ratio, shapeText, table } from './text.js';

const COLUMNS: readonly Column[] = [
  { title: 'layer', align: 'left' },
  { title: 'operator', align: 'left' },
  { title: 'output', align: 'right' },
  { title: 'weights', align: 'right' },
  { title: 'bits', align: 'right' },
  { title: 'float32 bytes', align: 'right' },
  { title: 'packed', align: 'right' },
  { title: 'in file', align: 'right' },
  { title: 'smaller', align: 'right' },
];

/** Lines of the table. */
export function savingsTable(summary: Summary): string[] {
  const { layers, structureBytes, fileBytes, float32Bytes } = summary;
  const sum = (key: 'weights' | 'packedBytes'): string => count(layers.reduce((total, layer) => total + layer[key], 0));
  return table(COLUMNS, [
    ...layers.map((layer) => [
      printable(layer.name),
      layer.operator,
      shapeText(layer.output),
      count(layer.weights),
      String(layer.weightBits),
      count(layer.float32Bytes),
      count(layer.packedBytes),
      count(layer.fileBytes),
      ratio(layer.float32Bytes / layer.fileBytes),
    ]),
    ['(structure)', '', '', '', '', '', '', count(structureBytes)],
    undefined,
    [
      'total',
      '',
      '',
      sum('weights'),
      '',
      count(float32Bytes),
      sum('packedBytes'),
      count(fileBytes),
      ratio(summary.ratio),
    ],
  ]);
}
