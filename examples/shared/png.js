// PNG to grey pixels, for small pictures of a known size from strangers: a picture of another size is refused before it is
// unpacked, and unpacking stops where the picture has to end. 8 bits a channel, not interlaced.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Channels by colour type: grey, RGB, palette, grey with alpha, RGB with alpha. */
const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** A picture that cannot be used; the message says why. */
export class PictureError extends Error {
  name = 'PictureError';
}

export function isPng(bytes) {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * Decodes a PNG of exactly `width` x `height` pixels.
 *
 * @returns grey values (luma of Rec. 601), row-major; what is transparent counts as black
 * @throws PictureError
 */
export async function decodePng(bytes, width, height) {
  const { header, palette, alphas, data } = readChunks(bytes);
  const size = [header.getUint32(0), header.getUint32(4)];
  if (size[0] !== width || size[1] !== height) {
    throw new PictureError(`expected a picture of ${width} x ${height} pixels, got ${size[0]} x ${size[1]}`);
  }
  const [depth, type, compression, filter, interlace] = new Uint8Array(header.buffer, header.byteOffset + 8, 5);
  const channels = CHANNELS[type];
  if (depth !== 8 || channels === undefined || compression !== 0 || filter !== 0 || interlace !== 0) {
    throw new PictureError('expected a PNG of 8 bits a channel, not interlaced');
  }
  const rows = unfilter(await inflate(data, height * (1 + width * channels)), width * channels, channels);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const pixel = rows.subarray(i * channels, (i + 1) * channels);
    if (type === 3) {
      const colour = palette.subarray(3 * pixel[0], 3 * pixel[0] + 3);
      if (colour.length < 3) throw new PictureError('expected colours of the palette, got one behind its end');
      return grey(colour, alphas[pixel[0]] ?? 255);
    }
    return grey(channels < 3 ? [pixel[0], pixel[0], pixel[0]] : pixel, channels % 2 === 0 ? pixel[channels - 1] : 255);
  });
}

function grey([r, g, b], alpha) {
  // Not a weighted sum where the three are equal: its rounding would move grey values.
  return Math.round(((r === g && g === b ? r : 0.299 * r + 0.587 * g + 0.114 * b) * alpha) / 255);
}

function readChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const data = [];
  const found = { header: undefined, palette: new Uint8Array(0), alphas: new Uint8Array(0), data };
  for (let at = SIGNATURE.length; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const start = at + 8;
    if (length > bytes.length - start - 4) throw new PictureError('expected a whole PNG, got a part of one');
    const name = String.fromCharCode(...bytes.subarray(at + 4, start));
    const content = bytes.subarray(start, start + length);
    if (name === 'IHDR' && length === 13) found.header = new DataView(bytes.buffer, bytes.byteOffset + start, 13);
    else if (name === 'PLTE') found.palette = content;
    else if (name === 'tRNS') found.alphas = content;
    else if (name === 'IDAT') data.push(content);
    else if (name === 'IEND') break;
    at = start + length + 4;
  }
  if (found.header === undefined || data.length === 0)
    throw new PictureError('expected a PNG with a header and pixels');
  return found;
}

/** Unpacks exactly `length` bytes; stops at the first one more. */
async function inflate(chunks, length) {
  const out = new Uint8Array(length);
  let filled = 0;
  try {
    const reader = new Response(
      new Blob(chunks).stream().pipeThrough(new DecompressionStream('deflate')),
    ).body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > length) {
        await reader.cancel();
        filled = Infinity;
        break;
      }
      out.set(value, filled);
      filled += value.length;
    }
  } catch {
    throw new PictureError('expected a whole PNG, got damaged pixels');
  }
  if (filled !== length) throw new PictureError('expected as many pixels as the header says');
  return out;
}

/** Undoes the filter of each row: none, left, up, mean, Paeth (PNG specification, chapter 9). */
function unfilter(filtered, rowBytes, step) {
  const out = new Uint8Array((filtered.length / (rowBytes + 1)) * rowBytes);
  for (let row = 0; row * rowBytes < out.length; row++) {
    const kind = filtered[row * (rowBytes + 1)];
    if (kind > 4) throw new PictureError('expected filters 0 to 4, got another');
    for (let x = 0; x < rowBytes; x++) {
      const i = row * rowBytes + x;
      const left = x < step ? 0 : out[i - step];
      const up = row === 0 ? 0 : out[i - rowBytes];
      const corner = x < step || row === 0 ? 0 : out[i - rowBytes - step];
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][kind];
      out[i] = filtered[row * (rowBytes + 1) + 1 + x] + predicted;
    }
  }
  return out;
}

function paeth(left, up, corner) {
  const estimate = left + up - corner;
  const [toLeft, toUp, toCorner] = [left, up, corner].map((value) => Math.abs(estimate - value));
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
