// Operators that move numbers and leave them as they are.
import { type ChannelShuffle, type Concat, elements, type Pad, type Upsample } from '../../model/graph.js';
import type { Run, Values } from '../values.js';

export function concat(run: Run, { axis }: Concat): Values {
  const { shape } = run.outputs[0];
  const out = new Float64Array(elements(shape));
  const runs = elements(shape.slice(0, axis));
  let at = 0;
  for (let r = 0; r < runs; r++) {
    run.values.forEach((values) => {
      const length = values.length / runs;
      out.set(values.subarray(r * length, (r + 1) * length), at);
      at += length;
    });
  }
  return out;
}

export function channelShuffle(run: Run, { groups }: ChannelShuffle): Values {
  const channels = run.inputs[0].shape.at(-1)!;
  const width = channels / groups;
  return run.values[0].map((_, o, input) => {
    const channel = o % channels;
    return input[o - channel + (channel % groups) * width + Math.floor(channel / groups)];
  });
}

export function reshape(run: Run): Values {
  return run.values[0];
}

export function pad(run: Run, { before, value }: Pad): Values {
  const { shape: from } = run.inputs[0];
  const { shape: to } = run.outputs[0];
  const out = new Float64Array(elements(to)).fill(value);
  run.values[0].forEach((v, i) => {
    let rest = i;
    let at = 0;
    let stride = 1;
    for (let d = from.length - 1; d >= 0; d--) {
      at += ((rest % from[d]) + before[d]) * stride;
      rest = Math.floor(rest / from[d]);
      stride *= to[d];
    }
    out[at] = v;
  });
  return out;
}

export function upsample(run: Run, operator: Upsample): Values {
  const [, width, channels] = run.inputs[0].shape as [number, number, number];
  const [outHeight, outWidth] = run.outputs[0].shape as [number, number];
  const out = new Float64Array(outHeight * outWidth * channels);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const from = (Math.floor(y / operator.height) * width + Math.floor(x / operator.width)) * channels;
      out.set(run.values[0].subarray(from, from + channels), (y * outWidth + x) * channels);
    }
  }
  return out;
}
