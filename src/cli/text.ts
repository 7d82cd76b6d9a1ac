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
  const text = plain(value);
  return isPrintable(text) ? text : visible(text);
}

/** Nothing but ASCII that can be printed. A loop: regular expressions take longer for what is short. */
function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/** How numbers are printed: in ASCII. */
type Show = (value: number) => string;

/** The head of a column, and how its numbers are printed; default: as they are. */
export type Column = string | { readonly head: string; readonly show: Show };

/** An aligned table; columns of numbers are set flush right. Empty text when there are no rows. */
export function table(header: readonly Column[], rows: readonly (readonly Value[])[]): string {
  const streamed = new StreamedTable(header, Infinity);
  return streamed.take(rows) + streamed.end();
}

/** Rows that decide the widths of a table that is printed as it comes. */
const FITTED_ROWS = 1000;

/** What is known of each column. */
interface Layout {
  readonly numeric: readonly boolean[];
  readonly widths: readonly number[];
}

/** An aligned table of any length in bounded memory: the first rows decide the widths, what is wider later on sticks out. */
export class StreamedTable {
  /** Rows taken so far. */
  rows = 0;
  private waiting: (readonly Value[])[] = [];
  private layout: Layout | undefined;
  private readonly shows: readonly Show[];

  constructor(
    private readonly header: readonly Column[],
    private readonly fittedRows = FITTED_ROWS,
  ) {
    this.shows = header.map((column) => (typeof column === 'string' ? String : column.show));
  }

  /** The text that these rows complete. */
  take(rows: readonly (readonly Value[])[]): string {
    this.rows += rows.length;
    if (this.layout) return new Cells(rows, this.shows).aligned(this.layout);
    for (const row of rows) this.waiting.push(row);
    return this.waiting.length < this.fittedRows ? '' : this.end();
  }

  /** What is still waiting. */
  end(): string {
    const rows = this.waiting;
    if (rows.length === 0) return '';
    this.waiting = [];
    const numeric = this.header.map((_, i) => rows.every((row) => isNumber(row[i])));
    const heads = this.header.map((column) => (typeof column === 'string' ? column : column.head));
    const header = new Cells([heads], this.shows);
    const cells = new Cells(rows, this.shows);
    const widths = header.widths.map((own, column) => Math.max(own, cells.widths[column] ?? 0));
    this.layout = { numeric, widths };
    return header.aligned(this.layout) + cells.aligned(this.layout);
  }
}

/** Lines, and what ends them. */
const LINES_JOINED = 256;

/** The cells of some rows, all in one array: lists are long, and what each row has of its own takes most of the time. */
class Cells {
  /** Of each column, the widest. */
  readonly widths: number[];
  private readonly texts: string[] = [];
  /** Most have nothing but ASCII in them, and are as wide as they are long. */
  private ascii = true;

  constructor(rows: readonly (readonly Value[])[], shows: readonly Show[]) {
    const widths = shows.map(() => 0);
    for (const row of rows) {
      for (let column = 0; column < shows.length; column++) {
        const value = row[column];
        let text = typeof value === 'number' ? shows[column]!(value) : plain(value);
        let own = text.length;
        if (typeof value === 'string' && !isPrintable(text)) {
          text = visible(text);
          own = width(text);
          this.ascii = false;
        }
        this.texts.push(text);
        if (own > widths[column]!) widths[column] = own;
      }
    }
    this.widths = widths;
  }

  aligned({ numeric, widths }: Layout): string {
    const { texts, ascii } = this;
    const columns = widths.length;
    const done: string[] = [];
    let lines: string[] = [];
    for (let i = 0; i < texts.length;) {
      let line = '';
      for (let column = 0; column < columns; column++) {
        const text = texts[i++]!;
        const missing = widths[column]! - (ascii ? text.length : width(text));
        const padding = missing > 0 ? spaces(missing) : '';
        if (column > 0) line += '  ';
        line += numeric[column] ? padding + text : text + padding;
      }
      lines.push(line.endsWith(' ') ? line.trimEnd() : line, '\n');
      // Made one text while they are young: the pieces of long texts outlive a collection or two, and cost more than all else here.
      if (lines.length >= LINES_JOINED || i === texts.length) {
        done.push(lines.join(''));
        lines = [];
      }
    }
    return done.join('');
  }
}

const someSpaces = Array.from({ length: 64 }, (_, count) => ' '.repeat(count));

function spaces(count: number): string {
  return someSpaces[count] ?? ' '.repeat(count);
}

function isNumber(value: Value): boolean {
  return value === null || typeof value === 'number' || typeof value === 'bigint';
}

/** Characters, not UTF-16 units. */
function width(text: string): number {
  let characters = 0;
  for (const _ of text) characters++;
  return characters;
}
