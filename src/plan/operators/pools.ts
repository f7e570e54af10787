// Pools: largest bits and bytes by the kernel made for them, all others number by number.
import { unpackConstant } from '../../model/values.js';
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
  const window = windowOf(layout, node);
  const { smallest } = node.operator;
  const { encoding } = tensor;
  if (smallest === undefined && (encoding === 'int8' || encoding === 'levels' || encoding === 'centered')) {
    const kind = encoding === 'int8' ? 'int8' : isBits(tensor) ? 'bits' : 'levels';
    const at = { input: place.address, output: layout.output(node).place.address };
    const call = planLargest(window, kind, at);
    layout.step(node, call.kernel, call.params);
    return;
  }
  let turns = 0;
  if (smallest !== undefined) {
    const constant = layout.graph.constants[smallest];
    const turn = encoding === 'float32' ? -(2 ** 31) : -1;
    turns = layout.made(4 * window.channels, () => {
      const flags = unpackConstant(constant);
      return new Uint8Array(Int32Array.from(flags, (flag) => (flag > 0 ? turn : 0)).buffer);
    });
  }
  planWindow(layout, node, window, 'largest', turns);
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
