// A model file as bundlers and Workers import it: bytes.
declare const model: ArrayBuffer;
export default model;
