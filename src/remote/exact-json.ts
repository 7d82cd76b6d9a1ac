// SPDX-License-Identifier: Apache-2.0

/** A whole number of 16 digits or more, outside of strings: as a double it might be rounded. */
const token = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;
const marker = '\u0000int:';

/** JSON.parse, but for whole numbers that a double cannot hold: they come as bigint. SyntaxError. */
export function parseExactly(text: string): unknown {
  const marked = text.replace(token, (found) =>
    found.startsWith('"') || Number.isSafeInteger(Number(found)) ? found : JSON.stringify(marker + found),
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(marker) ? BigInt(value.slice(marker.length)) : value,
  );
}
