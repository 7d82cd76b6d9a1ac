// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C by table: another implementation than the one under test.
const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});

/** Goes on from `crc`, 0 at the start. */
export function crc32c(crc: number, bytes: Buffer): number {
  let c = ~crc >>> 0;
  for (const byte of bytes) c = (table[(c ^ byte) & 255] ?? 0) ^ (c >>> 8);
  return ~c >>> 0;
}
