// What browsers have and WebKit's shell has not: text coders, base64 and a clock.
globalThis.TextDecoder ??= class {
  decode(bytes) {
    return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
  }
};
globalThis.TextEncoder ??= class {
  encode(text) {
    const bytes = unescape(encodeURIComponent(text));
    return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
  }
};
globalThis.atob ??= (text) => {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const bytes = [];
  let bits = 0;
  let buffer = 0;
  for (const digit of text.replace(/=+$/, '')) {
    buffer = ((buffer << 6) | digits.indexOf(digit)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push(String.fromCharCode((buffer >> bits) & 255));
  }
  return bytes.join('');
};
globalThis.performance ??= { now: () => 1000 * preciseTime() };
