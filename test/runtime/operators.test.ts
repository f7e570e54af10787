// Every operator on every build against the reference, integer for integer; float sums within a stated tolerance.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { builds } from '../helpers/builds.js';
import { compareModel, FLOAT_TOLERANCE, largestDifference } from '../helpers/models.js';
import { zoo } from '../helpers/zoo.js';

for (const build of builds) {
  test(`${build}: every kind of operator and encoding`, () => {
    for (const graph of zoo.values()) compareModel(graph, build, 3);
  });
}

test('float results stay within their tolerance', () => {
  const largest = largestDifference();
  console.log(`  largest relative difference of float results: ${largest.toExponential(1)}`);
  assert.ok(largest <= FLOAT_TOLERANCE);
});

test.run();
