// Curves of a training run as SVG, and a report as one HTML file that needs nothing else.
import type { LanguageProgress, TrainProgress } from '../train/index.js';

/** One line of metrics.jsonl. */
export type Metric = Pick<
  TrainProgress & LanguageProgress,
  | 'epoch'
  | 'step'
  | 'steps'
  | 'loss'
  | 'accuracy'
  | 'validationAccuracy'
  | 'validationLoss'
  | 'learningRate'
  | 'samplesPerSecond'
>;

interface Curve {
  readonly label: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const WIDTH = 640;
const HEIGHT = 320;
const MARGIN = { left: 56, right: 16, top: 32, bottom: 40 };

/** Passes over the data that were done at a metric. */
const place = ({ epoch, step, steps }: Metric): number => epoch - 1 + step / steps;

export function lossCurve(metrics: readonly Metric[]): string {
  const points = metrics.map((m) => [place(m), m.loss] as const);
  const validation = metrics.flatMap((m) =>
    m.validationLoss === undefined ? [] : [[place(m), m.validationLoss] as const],
  );
  return chart('Training loss, mean of the epoch so far', [
    { label: 'loss', colour: '#2563eb', points },
    ...(validation.length > 0 ? [{ label: 'validation', colour: '#dc2626', points: validation }] : []),
  ]);
}

export function accuracyCurve(metrics: readonly Metric[]): string {
  const validation = metrics.flatMap((m) =>
    m.validationAccuracy === undefined ? [] : [[place(m), 100 * m.validationAccuracy] as const],
  );
  return chart('Accuracy in %', [
    { label: 'training', colour: '#2563eb', points: metrics.map((m) => [place(m), 100 * m.accuracy] as const) },
    { label: 'validation', colour: '#dc2626', points: validation },
  ]);
}

/** @param facts what the head of the report says, as pairs of name and value */
export function reportPage(title: string, facts: Readonly<Record<string, string>>, metrics: readonly Metric[]): string {
  const rows = Object.entries(facts).map(
    ([name, value]) => `<tr><th>${escape(name)}</th><td>${escape(value)}</td></tr>`,
  );
  const epochs = metrics.filter(({ step, steps }) => step === steps);
  const validation = metrics.some((m) => m.validationLoss !== undefined) ? 'validation loss' : 'validation %';
  const lines = epochs.map(
    (m) =>
      `<tr><td>${m.epoch}</td><td>${m.loss.toFixed(4)}</td><td>${(100 * m.accuracy).toFixed(2)}</td>` +
      `<td>${validationOf(m)}</td>` +
      `<td>${m.learningRate.toExponential(2)}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escape(title)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #111; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: 0.1rem 1rem 0.1rem 0; }
svg { max-width: 100%; height: auto; }
</style>
<h1>${escape(title)}</h1>
<table>${rows.join('')}</table>
${lossCurve(metrics)}
${accuracyCurve(metrics)}
<table><tr><th>epoch</th><th>loss</th><th>training %</th><th>${validation}</th><th>learning rate</th></tr>
${lines.join('\n')}</table>
</html>
`;
}

function validationOf({ validationAccuracy, validationLoss }: Metric): string {
  if (validationLoss !== undefined) return validationLoss.toFixed(4);
  return validationAccuracy === undefined ? '' : (100 * validationAccuracy).toFixed(2);
}

function chart(title: string, curves: readonly Curve[]): string {
  const all = curves.flatMap(({ points }) => points);
  const right = Math.max(1, ...all.map(([x]) => x));
  const low = Math.min(0, ...all.map(([, y]) => y));
  const high = Math.max(low + 1e-9, ...all.map(([, y]) => y));
  const x = (value: number): number => MARGIN.left + (value / right) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number): number =>
    HEIGHT - MARGIN.bottom - ((value - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const grid = ticks.map((t) => {
    const value = low + t * (high - low);
    const [line, text] = [y(value).toFixed(1), (y(value) + 4).toFixed(1)];
    return (
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${line}" y2="${line}" stroke="#ddd"/>` +
      `<text x="${MARGIN.left - 6}" y="${text}" text-anchor="end">${Number(value.toPrecision(3))}</text>`
    );
  });
  const below = ticks.map((t) => {
    const value = t * right;
    const text = Number(value.toPrecision(3));
    return `<text x="${x(value).toFixed(1)}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${text}</text>`;
  });
  const lines = curves.map(({ label, colour, points }, i) => {
    const path = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(' ');
    const legend = `<text x="${WIDTH - MARGIN.right - 90 * (curves.length - 1 - i)}" y="20" text-anchor="end" fill="${colour}">`;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>${legend}${label}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${MARGIN.left}" y="20" font-weight="600">${escape(title)}</text>
${grid.join('')}
${below.join('')}<text x="${WIDTH / 2}" y="${HEIGHT - 4}" text-anchor="middle">epochs</text>
${lines.join('\n')}
</svg>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
