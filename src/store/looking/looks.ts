// SPDX-License-Identifier: Apache-2.0
//
// What the commands that look ask beyond rows: records, page maps, comparisons. Each call reads the catalog once and keeps no
// transaction open.
import { guarded, StoreError } from '../errors.js';
import { comparePages } from '../catalog/page-diff.js';
import { PackDirectories } from '../catalog/pack-directories.js';
import { runsOf, type PageRun } from '../catalog/page-runs.js';
import type { CatalogQueries, CheckpointRow } from '../catalog/queries.js';
import type { Db } from '../sqlite.js';
import { growthOf, type Growth, type GrowthStep } from './growth.js';
import { diffImages, type DiffSide, type ImageDiff } from './image-diff.js';
import { recordsOf } from './image-records.js';
import { listCheckpoints, type ListChoice, type ListColumn } from './list.js';
import { tasksOf, type TaskView } from './task-view.js';
import { seriesOf, type ProcessSeries } from './tree.js';

/** Pages at consecutive addresses of one kind. */
export interface KindRun {
  /** Address of the first divided by the page size. */
  readonly page: number;
  readonly count: number;
  /** new: first stored by this checkpoint; shared: stored already when it came. */
  readonly kind: 'zero' | 'new' | 'shared';
}

export class CatalogLooks {
  constructor(
    private readonly db: Db,
    private readonly place: string,
    private readonly packsDir: string,
    private readonly catalog: CatalogQueries,
  ) {}

  list<K extends ListColumn = ListColumn>(options: ListChoice<K>): Pick<CheckpointRow, K>[] {
    return listCheckpoints(this.db, this.place, options);
  }

  series(): ProcessSeries[] {
    return seriesOf(this.db, this.place);
  }

  growth(step: GrowthStep): Growth[] {
    return growthOf(this.db, this.place, step);
  }

  /** The tasks of an image by its full id. */
  tasks(id: string): TaskView[] {
    return guarded('read image', this.place, () => tasksOf(recordsOf(this.db, this.image(id))));
  }

  /** The runs of an image's page map in stream order, by its full id. */
  runs(id: string): Generator<PageRun> {
    return runsOf(this.db, this.image(id));
  }

  /** The page map by kinds. */
  *kinds(id: string): Generator<KindRun> {
    const own = new Set(this.db.prepare<[string], string>('SELECT id FROM pack WHERE stream = ?').pluck().all(id));
    for (const { page, count, pack } of this.runs(id))
      yield { page, count, kind: pack === null ? 'zero' : own.has(pack) ? 'new' : 'shared' };
  }

  /** StoreError `damaged` when a pack that has to be asked for hashes cannot be read. */
  diff(a: CheckpointRow, b: CheckpointRow): ImageDiff {
    const side = (row: CheckpointRow): DiffSide => ({
      vmas: this.catalog.vmas(row.id),
      tasks: this.tasks(row.id),
      pages: row.pages,
    });
    return guarded('diff', this.place, () =>
      diffImages(side(a), side(b), comparePages(this.runs(a.id), this.runs(b.id), new PackDirectories(this.packsDir))),
    );
  }

  private image(id: string): number {
    const image = this.db.prepare<[string], number>('SELECT image FROM image WHERE id = ?').pluck().get(id);
    if (image !== undefined) return image;
    throw new StoreError({ reason: 'missing', operation: 'look', place: id, problem: 'no such checkpoint' });
  }
}
