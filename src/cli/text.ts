// SPDX-License-Identifier: Apache-2.0
//
// Values and tables as people read them.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 -> `1.5 KiB`. */
export function humanBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  // Binary fractions times ten are exact: this is what toFixed() says, in a tenth of its time, and lists are long.
  if (unit === 0 || value >= 100) return `${Math.floor(value + 0.5)} ${units[unit] ?? ''}`;
  const tenths = Math.floor(value * 10 + 0.5);
  return `${Math.floor(tenths / 10)}.${tenths % 10} ${units[unit] ?? ''}`;
}

/** Made when it is needed: it loads the data of a language, which takes longer than most commands run. */
let counts: Intl.NumberFormat | undefined;

/** 12345 -> `12,345`. */
export function humanCount(count: number): string {
  if (!Number.isInteger(count) || count < 0 || count >= 1e6) {
    return (counts ??= new Intl.NumberFormat('en-US')).format(count);
  }
  if (count < 1000) return String(count);
  return `${Math.floor(count / 1000)},${String(count % 1000).padStart(3, '0')}`;
}

/** As in /proc/PID/maps: at least 12 hex digits. */
export function hexAddress(address: bigint): string {
  return address.toString(16).padStart(12, '0');
}

/** `3 packs`, `1 pack`. */
export function plural(count: number, noun: string): string {
  return `${humanCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** What a row may hold. */
export type Value = string | number | bigint | Buffer | null | undefined;

/** A value as plain text: null is empty, bytes are hex. */
export function plain(value: Value): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  return Buffer.isBuffer(value) ? value.toString('hex') : String(value);
}

/** Control characters made visible: names and paths may hold anything, and a terminal must not act on it. */
export function visible(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Several lines of words, each visible(). */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** A value for a cell of a table: as plain(), and visible(). */
export function cell(value: Value): string {
  return visible(plain(value));
}

/** An aligned table; columns of numbers are set flush right. Empty text when there are no rows. */
export function table(header: readonly string[], rows: readonly (readonly Value[])[]): string {
  const streamed = new StreamedTable(header, Infinity);
  return streamed.take(rows) + streamed.end();
}

/** Rows that decide the widths of a table that is printed as it comes. */
const FITTED_ROWS = 1000;

/** An aligned table of any length in bounded memory: the first rows decide the widths, what is wider later on sticks out. */
export class StreamedTable {
  /** Rows taken so far. */
  rows = 0;
  private waiting: (readonly Value[])[] = [];
  private layout: { readonly numeric: readonly boolean[]; readonly widths: readonly number[] } | undefined;

  constructor(
    private readonly header: readonly string[],
    private readonly fittedRows = FITTED_ROWS,
  ) {}

  /** The text that these rows complete. */
  take(rows: readonly (readonly Value[])[]): string {
    this.rows += rows.length;
    if (this.layout) return rows.map((row) => this.line(row)).join('');
    for (const row of rows) this.waiting.push(row);
    return this.waiting.length < this.fittedRows ? '' : this.end();
  }

  /** What is still waiting. */
  end(): string {
    const rows = this.waiting;
    if (rows.length === 0) return '';
    this.waiting = [];
    const numeric = this.header.map((_, i) => rows.every((row) => isNumber(row[i])));
    const widths = this.header.map((name) => width(cell(name)));
    const lines: Cells[] = [];
    for (const row of rows) {
      const line = new Cells(row);
      line.widen(widths);
      lines.push(line);
    }
    this.layout = { numeric, widths };
    let text = this.line(this.header);
    for (const line of lines) text += line.aligned(widths, numeric);
    return text;
  }

  private line(row: readonly Value[]): string {
    return new Cells(row).aligned(this.layout?.widths ?? [], this.layout?.numeric ?? []);
  }
}

/** The cells of a line. Most have nothing but ASCII in them, and need no other look. Loops, not callbacks: lists are long. */
class Cells {
  private readonly texts: string[] = [];
  private readonly ascii: boolean;

  constructor(row: readonly Value[]) {
    let all = '';
    for (const value of row) {
      const text = plain(value);
      all += text;
      this.texts.push(text);
    }
    this.ascii = printable.test(all);
    if (!this.ascii) this.texts = this.texts.map(visible);
  }

  widen(widths: number[]): void {
    for (let i = 0; i < this.texts.length; i++) {
      const own = this.width(i);
      if (own > (widths[i] ?? 0)) widths[i] = own;
    }
  }

  aligned(widths: readonly number[], numeric: readonly boolean[]): string {
    let line = '';
    for (let i = 0; i < this.texts.length; i++) {
      const text = this.texts[i] ?? '';
      const missing = (widths[i] ?? 0) - this.width(i);
      const padding = missing > 0 ? spaces(missing) : '';
      if (i > 0) line += '  ';
      line += numeric[i] ? padding + text : text + padding;
    }
    return `${line.endsWith(' ') ? line.trimEnd() : line}\n`;
  }

  private width(i: number): number {
    const text = this.texts[i] ?? '';
    return this.ascii ? text.length : width(text);
  }
}

const someSpaces = Array.from({ length: 64 }, (_, count) => ' '.repeat(count));

function spaces(count: number): string {
  return someSpaces[count] ?? ' '.repeat(count);
}

const printable = /^[\x20-\x7e]*$/;

function isNumber(value: Value): boolean {
  return value === null || typeof value === 'number' || typeof value === 'bigint';
}

/** Characters, not UTF-16 units. */
function width(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}
