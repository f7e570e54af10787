// Side by side in one process: every contender of a work takes a turn in each round, so that what disturbs the machine
// disturbs all of them. Ratios are of best times and of median times. A turn starts with a run that is not counted, because
// the others have emptied the caches: what is measured is the second answer and those after it, of everybody.

const now = () => performance.now();

/** Runs longer than this fill the caches anew by themselves. */
const LONG_MS = 20;

/** Runs `work` `times` times and returns milliseconds a run. */
async function time(work, times) {
  const start = now();
  for (let i = 0; i < times; i++) {
    const pending = work();
    if (pending instanceof Promise) await pending;
  }
  return (now() - start) / times;
}

/**
 * @param contenders { name: function that runs once }
 * @param options rounds, warmMs: how long each warms up, roundMs: how long a turn takes at least
 * @returns { name: { best, median } } in milliseconds
 */
export async function race(contenders, { rounds, warmMs, roundMs }) {
  const entries = Object.entries(contenders).map(([name, work]) => ({ name, work, times: 1, last: 0, samples: [] }));
  for (const entry of entries) {
    const start = now();
    let runs = 0;
    while (runs < 2 || now() - start < warmMs) {
      entry.last = await time(entry.work, 1);
      runs++;
    }
    entry.times = Math.max(1, Math.min(1000, Math.ceil(roundMs / entry.last)));
  }
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) {
      if (entry.last < LONG_MS) await time(entry.work, 1);
      entry.samples.push(await time(entry.work, entry.times));
    }
  }
  return Object.fromEntries(
    entries.map(({ name, samples }) => {
      samples.sort((a, b) => a - b);
      return [name, { best: samples[0], median: samples[samples.length >> 1] }];
    }),
  );
}
