// Pools: largest bits and bytes by the kernel made for them, all others number by number. Channels that give their smallest
// number have their order turned by an xor before and after.
import { unpackConstant } from '../../model/values.js';
import { packSigns } from '../../numerics/bits.js';
import { denseGeometry, type Window } from '../../numerics/geometry.js';
import { WINDOW_CODES, type WindowParams, rowType } from '../fields.js';
import type { Layout, NodeOf } from '../layout.js';
import { planMaxPool as planLargest } from '../pool.js';
import { isBits, rowBytes } from '../rows.js';

type PoolNode = NodeOf<'maxPool' | 'avgPool' | 'globalAvgPool'>;

function windowOf(layout: Layout, node: NodeOf<'maxPool' | 'avgPool'>): Window {
  const [height, width, channels] = layout.input(node).tensor.shape as [number, number, number];
  const { operator } = node;
  const size = { kernelHeight: operator.height, kernelWidth: operator.width };
  return { ...operator, ...size, dilationY: 1, dilationX: 1, height, width, channels };
}

export function planMaxPool(layout: Layout, node: NodeOf<'maxPool'>): void {
  const { tensor, place } = layout.input(node);
  const { encoding } = tensor;
  const { smallest } = node.operator;
  const window = windowOf(layout, node);
  const { channels } = window;
  const flags = smallest === undefined ? [] : unpackConstant(layout.graph.constants[smallest]);
  // Bytes are compared without a sign.
  const order = encoding === 'int8' ? 0x80 : 0;
  const turn = encoding === 'float32' ? 1 << 31 : -1;
  const turns = Int32Array.from({ length: channels }, (_, c) => (flags[c] > 0 ? order ^ turn : order));
  if (encoding === 'int8' || encoding === 'levels' || encoding === 'centered') {
    const bits = isBits(tensor);
    const made = layout.made(rowBytes(tensor, channels), () =>
      bits ? packSigns(turns.map((value) => ~value)) : Uint8Array.from(turns),
    );
    const at = { input: place.address, turns: made, output: layout.output(node).place.address };
    layout.step(node, 'max_pool', planLargest(window, bits, at));
  } else {
    const made = layout.made(4 * channels, () => new Uint8Array(turns.buffer));
    planWindow(layout, node, window, 'largest', made);
  }
}

export function planAvgPool(layout: Layout, node: NodeOf<'avgPool'>): void {
  planWindow(layout, node, windowOf(layout, node), averageOf(layout, node));
}

export function planGlobalAvgPool(layout: Layout, node: NodeOf<'globalAvgPool'>): void {
  const [height, width, channels] = layout.input(node).tensor.shape as [number, number, number];
  const window = { ...denseGeometry(channels, 1), height, width, kernelHeight: height, kernelWidth: width };
  planWindow(layout, node, window, averageOf(layout, node));
}

/** int32 results are sums. */
function averageOf(layout: Layout, node: PoolNode): 'sum' | 'mean' {
  return layout.output(node).tensor.encoding === 'int32' ? 'sum' : 'mean';
}

function planWindow(
  layout: Layout,
  node: PoolNode,
  window: Window,
  operation: keyof typeof WINDOW_CODES,
  turns = 0,
): void {
  const input = layout.input(node);
  const output = layout.output(node);
  const { channels } = window;
  const [outHeight, outWidth] = node.operator.kind === 'globalAvgPool' ? [1, 1] : output.tensor.shape;
  const scratch = layout.scratch();
  const params: WindowParams = {
    operation: WINDOW_CODES[operation],
    input: input.place.address,
    type: rowType(input.tensor),
    pixelBytes: rowBytes(input.tensor, channels),
    height: window.height,
    width: window.width,
    channels,
    kernelHeight: window.kernelHeight,
    kernelWidth: window.kernelWidth,
    strideY: window.strideY,
    strideX: window.strideX,
    padTop: window.padTop,
    padLeft: window.padLeft,
    outHeight,
    outWidth,
    turns,
    output: output.place.address,
    outputType: rowType(output.tensor),
    outputBytes: rowBytes(output.tensor, channels),
    work: scratch.take(4 * channels),
    sums: scratch.take(8 * channels),
  };
  layout.step(node, 'pool_any', params);
}
