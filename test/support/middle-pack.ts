// SPDX-License-Identifier: Apache-2.0
import type { TestStore } from './cli.js';

/** Id of the pack with the page in the middle of a program's largest mapping: a lazy restart begins without it. */
export async function middlePack(store: TestStore, id: string): Promise<string> {
  const vma = `SELECT start_addr + (end_addr - start_addr) / 8192 * 4096 AS addr
    FROM vma WHERE checkpoint_id = '${id}' ORDER BY pages DESC LIMIT 1`;
  const [{ addr } = { addr: 0 }] = JSON.parse(await store.ok('sql', vma, '--json')) as { addr: number }[];
  const page = `SELECT pack_id FROM vma_page('${id}') WHERE addr = ${String(addr)}`;
  const [row] = JSON.parse(await store.ok('sql', page, '--json')) as { pack_id: string }[];
  return row?.pack_id ?? '';
}
