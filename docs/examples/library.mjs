// SPDX-License-Identifier: Apache-2.0
//
// The store as a library: an image goes in from a file, is looked at, and comes out again bit for bit.
//   node library.mjs STORE IMAGE
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ckpt, CkptError } from 'ckpt';

const [store, image] = process.argv.slice(2);
const sha256 = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

const ckpt = await Ckpt.open({ store, access: 'create' });
const scratch = mkdtempSync(join(tmpdir(), 'ckpt-example-'));
try {
  // In: any descriptor will do, a pipe as well. Each image is yielded when it is durable.
  const input = openSync(image, 'r');
  for await (const stored of ckpt.ingest(input, { name: 'example' })) {
    console.log(
      `${stored.id}: ${stored.pages} pages, ${stored.newPages} of them new, ${stored.storedBytes} bytes stored`,
    );
  }
  closeSync(input);

  // Looking: a name means the newest checkpoint with it.
  const row = await ckpt.find('example');
  const { columns, rows } = await ckpt.sql('SELECT kind, sum(pages) AS pages FROM vma GROUP BY kind ORDER BY kind');
  console.log(columns.join(' '), rows.map((cells) => cells.join(' ')).join(', '));

  // Out: every page is verified on the way.
  const copy = join(scratch, 'copy.img');
  const output = openSync(copy, 'w');
  await ckpt.export(row.id, output);
  closeSync(output);
  console.log(sha256(copy) === sha256(image) ? 'the same, bit for bit' : 'NOT the same');
} catch (error) {
  // `kind` says what sort of failure it is; the hint says what to do.
  if (!(error instanceof CkptError)) throw error;
  console.error(`${error.kind}: ${error.message}${error.hint ? ` (${error.hint})` : ''}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
  await ckpt.close();
}
