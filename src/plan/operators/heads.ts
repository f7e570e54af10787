// What stands at the end of a classifier: row by row.
import { floatBits } from '../i8.js';
import type { Layout, NodeOf } from '../layout.js';
import { planRows, rowsOf } from '../rows.js';

export function planHead(layout: Layout, node: NodeOf<'softmax' | 'argMax'>): void {
  const input = layout.input(node);
  const { shape, scale } = input.tensor;
  const operation = node.operator.kind;
  planRows(
    layout,
    node,
    {
      operation,
      shape,
      input: rowsOf(input),
      output: rowsOf(layout.output(node)),
      whole: true,
      ...(operation === 'argMax' && { results: 1 }),
      fields: { scale: floatBits(scale) },
    },
    layout.scratch(),
  );
}
