// The suite as a test of workerd's own runner, bundled as wrangler does: .wasm imports stay imports.
import * as api from 'bitlane';
import relaxed from 'bitlane/kernels.relaxed.wasm';
import scalar from 'bitlane/kernels.scalar.wasm';
import simd from 'bitlane/kernels.simd.wasm';
import fixtures from './fixtures.js';
import { runSuite } from './suite.js';

export const suite = {
  async test() {
    const kernels = { scalar, simd, relaxed };
    const report = await runSuite({ api, fixtures, kernels: (build) => kernels[build] });
    console.log(`RESULT ${JSON.stringify(report)}`);
    if (report.failed > 0) throw new Error(report.failures.join('\n'));
  },
};
