// SPDX-License-Identifier: Apache-2.0
//
// Page maps as SQL: vma_page(checkpoint_id), page_diff(id_a, id_b), page_share(id_a, id_b) and would_free(checkpoint_id). Rows
// are made as the query pulls them.
import { PAGE_BYTES } from '../../format/generated/image.js';
import { StoreError } from '../errors.js';
import type { Db } from '../sqlite.js';
import { comparePages } from './page-diff.js';
import { PackDirectories } from './pack-directories.js';
import { freedSlots, sharedSlots } from './pack-shares.js';
import { runsOf, type PageRun } from './page-runs.js';

/** Adds them to a connection; `behind` is another connection to the same catalog. */
export function addTableFunctions(db: Db, behind: Db, packsDir: string): void {
  db.table('vma_page', {
    parameters: ['checkpoint_id'],
    columns: ['addr', 'page_hash', 'pack_id', 'zero', 'slot', 'addr_hex'],
    rows: function* (id: unknown) {
      const directories = new PackDirectories(packsDir);
      for (const run of runsOf(behind, imageNumber(behind, id))) yield* pageRows(run, directories);
    },
  });
  db.table('page_diff', {
    parameters: ['id_a', 'id_b'],
    columns: ['addr', 'change', 'addr_hex'],
    rows: function* (a: unknown, b: unknown) {
      const runs = (id: unknown): Iterable<PageRun> => runsOf(behind, imageNumber(behind, id));
      for (const { page, count, change } of comparePages(runs(a), runs(b), new PackDirectories(packsDir))) {
        for (let at = page; at < page + count; at++) {
          const addr = address(at);
          yield [addr, change, hexAddress(addr)];
        }
      }
    },
  });
  db.table('page_share', {
    parameters: ['id_a', 'id_b'],
    columns: ['pack_id', 'pages', 'raw_bytes'],
    rows: function* (a: unknown, b: unknown) {
      for (const { pack, pages } of sharedSlots(behind, imageNumber(behind, a), imageNumber(behind, b)))
        yield [pack, BigInt(pages), BigInt(pages * PAGE_BYTES)];
    },
  });
  db.table('would_free', {
    parameters: ['checkpoint_id'],
    columns: ['pack_id', 'pages', 'left_pages', 'stored_bytes'],
    rows: function* (id: unknown) {
      for (const { pack, pages, leftPages, storedBytes } of freedSlots(behind, imageNumber(behind, id)))
        yield [pack, BigInt(pages), BigInt(leftPages), BigInt(storedBytes)];
    },
  });
}

function* pageRows(run: PageRun, directories: PackDirectories): Generator<unknown[]> {
  for (let index = 0; index < run.count; index++) {
    const addr = address(run.page + index);
    const hex = hexAddress(addr);
    // A number would come out as a REAL; columns of a table function have no type that turns it into an INTEGER.
    if (run.pack === null) yield [addr, null, null, 1n, null, hex];
    else yield [addr, directories.hash(run.pack, run.slot + index), run.pack, 0n, BigInt(run.slot + index), hex];
  }
}

function address(page: number): bigint {
  return BigInt.asIntN(64, BigInt(page) * BigInt(PAGE_BYTES));
}

function hexAddress(addr: bigint): string {
  return BigInt.asUintN(64, addr).toString(16).padStart(12, '0');
}

function imageNumber(db: Db, id: unknown): number {
  const image = db.prepare('SELECT image FROM image WHERE id = ?').pluck().get(String(id)) as number | undefined;
  if (image !== undefined) return image;
  throw new StoreError({
    reason: 'missing',
    operation: 'sql',
    place: JSON.stringify(String(id)),
    problem: 'no such checkpoint',
    hint: 'table functions take full ids',
  });
}
