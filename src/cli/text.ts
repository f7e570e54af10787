// Text for terminals: tables, numbers with units, and strings of others made safe to print.

/** One column: `right` for numbers. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** Control characters would let a model's or a file's name move the cursor or recolour the terminal. */
// eslint-disable-next-line no-control-regex -- they are what is to be found
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** `text` on one line, with control characters written out as \xNN. */
export function printable(text: string): string {
  return text
    .replace(/\s*\r?\n\s*/g, ' ')
    .replace(CONTROL, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Lines of a table: titles, a rule, the rows. A row that is undefined becomes another rule. */
export function table(columns: readonly Column[], rows: readonly (readonly string[] | undefined)[]): string[] {
  const widths = columns.map((column, c) => Math.max(column.title.length, ...rows.map((row) => row?.[c]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, c) =>
        align === 'left' ? (cells[c] ?? '').padEnd(widths[c]) : (cells[c] ?? '').padStart(widths[c]),
      )
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [
    line(columns.map((column) => column.title)),
    rule,
    ...rows.map((row) => (row === undefined ? rule : line(row))),
  ];
}

/** 1234567 as "1,234,567". */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** "31.2x"; a layer without weights of its own has no ratio. */
export function ratio(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(1)}x` : '';
}

/** Milliseconds with a unit that leaves three digits. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1) return `${(milliseconds * 1000).toPrecision(3)} us`;
  return milliseconds < 1000 ? `${milliseconds.toPrecision(3)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** Numbers that belong together, with as many decimals as show three digits of the largest. */
export function aligned(values: readonly number[]): string[] {
  const largest = Math.max(...values.map(Math.abs)) || 1;
  const decimals = Math.min(8, Math.max(0, 2 - Math.floor(Math.log10(largest))));
  return values.map((value) => value.toFixed(decimals));
}

/** A shape as "28 x 28 x 1". */
export function shapeText(shape: readonly number[]): string {
  return shape.join(' x ');
}
