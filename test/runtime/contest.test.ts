// The choice between the ways to multiply bits.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BIT_WAYS, planContest } from '../../src/plan/contest.js';
import { fastestWay } from '../../src/runtime/contest.js';
import { builds, kernelBytes } from '../helpers/builds.js';

test('fastestWay takes the entry whose runs were shortest, by the clock it is given', () => {
  for (const build of builds.filter((name) => name !== 'scalar')) {
    const module = new WebAssembly.Module(kernelBytes(build) as BufferSource);
    BIT_WAYS.forEach((way, wanted) => {
      let calls = 0;
      let time = 0;
      // The clock is read before and after each entry's runs.
      const clock = (): number => {
        if (calls % 2 === 1) time += ((calls - 1) / 2) % BIT_WAYS.length === wanted ? 1 : 2;
        calls++;
        return time;
      };
      assert.equal(fastestWay(module, clock), way);
    });
    assert.equal(
      fastestWay(module, () => 0),
      BIT_WAYS[0],
    );
    assert.ok(BIT_WAYS.includes(fastestWay(module, () => performance.now())));
  }
});

test('planContest keeps its parts apart', () => {
  const { entries, bytes } = planContest(1024);
  for (const { call, block } of entries) {
    const { input, weights, output, tables, first } = call.params;
    assert.ok(block + 4 * Object.keys(call.params).length <= first);
    assert.ok(first < input && input < weights && weights < output && output < tables);
    assert.ok(tables + call.scratchBytes <= bytes);
  }
});

test.run();
