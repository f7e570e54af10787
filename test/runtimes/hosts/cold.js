// From nothing to the first answer of a shipped model: the import of the package, and what comes after it.
const begin = performance.now();
const { load } = await import('bitlane');
const imported = performance.now();
const model = await load(new URL(import.meta.resolve('bitlane/models/mnist-mlp.qnn')));
model.run(new Uint8Array(784));
const times = { import: imported - begin, coldStart: performance.now() - imported };
console.log(`RESULT ${JSON.stringify({ ...times, failed: 0 })}`);
