// The suite in Deno's own test runner. The kernels are imports: the only permission is to read the model.
import source scalar from 'bitlane/kernels.scalar.wasm';
import source simd from 'bitlane/kernels.simd.wasm';
import source relaxed from 'bitlane/kernels.relaxed.wasm';
import * as api from 'bitlane';
import fixtures from './fixtures.js';
import { runSuite } from './suite.js';

Deno.test('bitlane', async () => {
  const kernels = { scalar, simd, relaxed };
  const report = await runSuite({ api, fixtures, kernels: (build) => kernels[build] });
  const model = await api.load(new URL('./mnist-mlp.qnn', import.meta.url));
  if (model.inputs[0].length !== 784) throw new Error('the model read from its file is another');
  console.log(`RESULT ${JSON.stringify({ ...report, passed: report.passed + 1 })}`);
  if (report.failed > 0) throw new Error(report.failures.join('\n'));
});
