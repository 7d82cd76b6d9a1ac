// SPDX-License-Identifier: Apache-2.0

/**
 * JSON in which integers are never rounded (bigint is printed digit by digit) and bytes are hex, and infinity stays it. JSON.stringify
 * can do none of these; everything else is left to it.
 */
export function toJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  // JSON has no infinity, but numbers that everybody reads as one.
  if (value === Infinity || value === -Infinity) return value > 0 ? '9e999' : '-9e999';
  if (Buffer.isBuffer(value)) return `"${value.toString('hex')}"`;
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).filter(([, v]) => v !== undefined);
    return `{${fields.map(([k, v]) => `${JSON.stringify(k)}:${toJson(v)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
