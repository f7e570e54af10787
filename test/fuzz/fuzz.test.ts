// A short stretch of the fuzzer: `npm run fuzz` goes on from there.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from './fuzz.js';

test('damaged models are refused, or run and give what the reference gives', async () => {
  const { failures, ran, rejected, count } = await fuzz(4000, 1);
  assert.equal(failures, []);
  assert.is(ran + rejected, count);
  assert.ok(ran > 100, `${ran} of ${count} ran`);
});

test('a case depends on its seed and number alone', async () => {
  const whole = await fuzz(300, 7);
  const [first, second] = [await fuzz(150, 7), await fuzz(300, 7, 150)];
  assert.equal([first.ran + second.ran, first.rejected + second.rejected], [whole.ran, whole.rejected]);
});

test.run();
