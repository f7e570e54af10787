// What stands at the end of a classifier: row by row.
import { floatBits } from '../i8.js';
import type { Layout, NodeOf } from '../layout.js';
import { planRows } from '../rows.js';

export function planHead(layout: Layout, node: NodeOf<'softmax' | 'argMax'>): void {
  const { tensor, place } = layout.input(node);
  const output = layout.output(node);
  const operation = node.operator.kind;
  planRows(
    layout,
    node,
    {
      operation,
      shape: tensor.shape,
      input: { type: tensor, address: place.address },
      output: { type: output.tensor, address: output.place.address },
      whole: true,
      ...(operation === 'argMax' && { results: 1 }),
      fields: { scale: floatBits(tensor.scale) },
    },
    layout.scratch(),
  );
}
