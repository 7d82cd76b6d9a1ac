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
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** 12345 -> `12,345`. */
export function humanCount(count: number): string {
  return count.toLocaleString('en-US');
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
  if (value === null || value === undefined) return '';
  return Buffer.isBuffer(value) ? value.toString('hex') : String(value);
}

/** A value for a cell of a table: as plain(), with control characters made visible. */
export function cell(value: Value): string {
  // eslint-disable-next-line no-control-regex -- names of processes and paths may hold anything; a terminal must not act on it
  return plain(value).replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** An aligned table; columns of numbers are set flush right. Empty text when there are no rows. */
export function table(header: readonly string[], rows: readonly (readonly Value[])[]): string {
  if (!rows.length) return '';
  const cells = rows.map((row) => row.map(cell));
  const numeric = header.map((_, i) =>
    rows.every((row) => row[i] === null || ['number', 'bigint'].includes(typeof row[i])),
  );
  const widths = header.map((name, i) => Math.max(name.length, ...cells.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) => (numeric[i] ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(header), ...cells.map(line), ''].join('\n');
}
