// SPDX-License-Identifier: Apache-2.0

/**
 * JSON in which integers are never rounded (bigint is printed digit by digit) and bytes are hex. JSON.stringify can do neither;
 * everything else is left to it.
 */
export function toJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Buffer.isBuffer(value)) return `"${value.toString('hex')}"`;
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value).filter(([, v]) => v !== undefined);
    return `{${fields.map(([k, v]) => `${JSON.stringify(k)}:${toJson(v)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
