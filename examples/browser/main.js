// Draw a digit, see its class: the page around the model. No request leaves it.
import { load } from 'bitlane/inline';
import file from 'bitlane/models/mnist-mlp.qnn';
import { Board } from './board.js';
import { floatNetwork } from './float.js';
import { toMnist } from './mnist.js';

const element = (id) => document.getElementById(id);
const kilobytes = (bytes) => `${(bytes / 1024).toLocaleString('en', { maximumFractionDigits: 0 })} KB`;

/** Mean microseconds of a call, over at least 20 ms: clocks of browsers are coarse. */
function microseconds(work) {
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  while (elapsed < 20) {
    work();
    calls++;
    elapsed = performance.now() - start;
  }
  return `${((1000 * elapsed) / calls).toFixed(1)} µs`;
}

const rows = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement('li');
  const [label, meter, value] = ['span', 'meter', 'span'].map((tag) => document.createElement(tag));
  label.textContent = digit;
  meter.ariaLabel = `score of ${digit}`;
  row.append(label, meter, value);
  element('scores').append(row);
  return { row, meter, value };
});

async function main() {
  const model = await load(file);
  const summary = model.summary();
  const float = floatNetwork(summary.layers, model.inputs[0].length);
  element('build').textContent = `${summary.name}, ${model.build} build of the kernels`;
  element('weights').textContent = kilobytes(summary.fileBytes);
  element('memory').textContent = kilobytes(summary.memory.total);
  element('float-weights').textContent = kilobytes(summary.float32Bytes);
  element('float-memory').textContent = kilobytes(float.bytes);

  const board = new Board(element('board'), (drawn) => {
    const pixels = toMnist(drawn);
    if (pixels === undefined) {
      element('answer').textContent = 'nothing drawn yet';
      for (const { row, meter, value } of rows) {
        row.classList.remove('best');
        meter.value = 0;
        value.textContent = '';
      }
      return;
    }
    const { scores } = model.run(pixels);
    const best = scores.indexOf(Math.max(...scores));
    element('answer').textContent = `It is a ${best}`;
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    rows.forEach(({ row, meter, value }, digit) => {
      row.classList.toggle('best', digit === best);
      meter.value = high === low ? 0 : (scores[digit] - low) / (high - low);
      value.textContent = (scores[digit] * model.outputs[0].scale).toFixed(2);
    });
    element('time').textContent = microseconds(() => model.run(pixels));
    element('float-time').textContent = microseconds(() => float.run(pixels));
  });
  element('clear').addEventListener('click', () => board.clear());
  document.body.dataset.ready = 'yes';
}

main().catch((error) => (element('answer').textContent = `The model could not be loaded: ${error.message}`));
