// From nothing to the first answer of a shipped model, the import of the package included.
const begin = performance.now();
const { load } = await import('bitlane');
const model = await load(new URL(import.meta.resolve('bitlane/models/mnist-mlp.qnn')));
model.run(new Uint8Array(784));
console.log(`RESULT ${JSON.stringify({ coldStart: performance.now() - begin, failed: 0 })}`);
