// SPDX-License-Identifier: Apache-2.0
//
// Looking into a store behind a service: what commands print, asked for over HTTP.
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  CheckpointFilter,
  CheckpointRow,
  Ckpt,
  LogEventView,
  LogSummary,
  RecordEntry,
  SqlAnswer,
  SqlValue,
  StoreSizes,
  VmaEntry,
} from '../ckpt.js';
import { CkptError } from '../format/errors.js';
import type { RemoteClient } from './client.js';

const PAGE = 1000;
const FOLLOW_INTERVAL_MS = 500;

export class RemoteLooks {
  constructor(protected readonly client: RemoteClient) {}

  get dir(): string {
    return this.client.url;
  }

  find(argument: string): Promise<CheckpointRow> {
    return this.client.json<RemoteRow>(`/v1/checkpoints/${encodeURIComponent(argument)}`).then(rowOf);
  }

  /** Only what is whole: the service shows no other. */
  findRemovable(argument: string): Promise<CheckpointRow> {
    return this.find(argument);
  }

  /** Page by page; by filters and in other orders at once, of which there is a most. */
  async list(options: Parameters<Ckpt['list']>[0] = {}): Promise<CheckpointRow[]> {
    const { columns: _all, ...asked } = options;
    const usual = { order: 'created', reverse: false };
    if (Object.entries(asked).some(([key, value]) => value !== usual[key as keyof typeof usual])) {
      const found = await this.client.json<{ checkpoints: CheckpointRow[] }>('/v1/checkpoints/search', {
        method: 'POST',
        json: asked,
      });
      return found.checkpoints.map(({ damage, state, ...row }) => ({ ...rowOf(row), state, damage }));
    }
    const all: CheckpointRow[] = [];
    let after: string | undefined;
    do {
      const page = await this.#page({ limit: PAGE, ...(after === undefined ? {} : { after }) });
      all.push(...page.checkpoints.map(rowOf));
      after = page.next ?? undefined;
    } while (after !== undefined);
    return all;
  }

  async page({ newestFirst, ...filter }: CheckpointFilter): Promise<CheckpointRow[]> {
    return (await this.#page({ ...filter, order: newestFirst ? 'newest' : 'oldest' })).checkpoints.map(rowOf);
  }

  #page(
    query: Readonly<Record<string, string | number | undefined>>,
  ): Promise<{ checkpoints: RemoteRow[]; next: string | null }> {
    return this.client.json('/v1/checkpoints', { query });
  }

  async mappings(id: string): Promise<VmaEntry[]> {
    const { mappings } = await this.client.json<{ mappings: RemoteMapping[] }>(`/v1/checkpoints/${id}/maps`);
    return mappings.map(({ start_hex, end_hex, file_offset, ...rest }) => ({
      ...rest,
      start_addr: BigInt(`0x${start_hex}`),
      end_addr: BigInt(`0x${end_hex}`),
      file_offset: file_offset === null ? null : BigInt(file_offset),
    }));
  }

  async records(id: string): Promise<RecordEntry[]> {
    return (await this.client.json<{ records: RecordEntry[] }>(`/v1/checkpoints/${id}/records`)).records;
  }

  async tasks(id: string): ReturnType<Ckpt['tasks']> {
    const { tasks } = await this.client.json<{ tasks: RemoteTask[] }>(`/v1/checkpoints/${id}/tasks`);
    return tasks.map((task) => ({
      ...task,
      threads: task.threads.map((thread) => ({
        ...thread,
        vector: thread.vector === null ? null : Buffer.from(thread.vector, 'hex'),
      })),
    }));
  }

  diff(a: string, b: string): ReturnType<Ckpt['diff']> {
    return this.client.json(`/v1/checkpoints/${encodeURIComponent(a)}/diff/${encodeURIComponent(b)}`);
  }

  async series(): ReturnType<Ckpt['series']> {
    return (await this.client.json<{ series: Awaited<ReturnType<Ckpt['series']>> }>('/v1/series')).series;
  }

  async growth(by: Parameters<Ckpt['growth']>[0]): ReturnType<Ckpt['growth']> {
    return (await this.client.json<{ growth: Awaited<ReturnType<Ckpt['growth']>> }>('/v1/growth', { query: { by } }))
      .growth;
  }

  stats(): Promise<StoreSizes> {
    return this.client.json('/v1/stats');
  }

  async sqlBatches(query: string): Promise<SqlAnswer> {
    const answer = await this.client.json<{ columns: string[]; rows: SqlValue[][]; truncated: boolean }>('/v1/sql', {
      method: 'POST',
      json: { query },
    });
    if (answer.truncated) {
      throw new CkptError('failed', 'sql: there are more rows than the service answers', 'add a LIMIT to the query');
    }
    // As the local one does, whole numbers come as bigint; JSON has no other mark for them.
    const rows = answer.rows.map((row) =>
      row.map((value) => (Number.isInteger(value) ? BigInt(value as number) : value)),
    );
    return { columns: answer.columns, batches: once(rows) };
  }

  async sql(query: string): Promise<{ columns: readonly string[]; rows: SqlValue[][] }> {
    const { columns, batches } = await this.sqlBatches(query);
    const rows: SqlValue[][] = [];
    for await (const batch of batches) for (const row of batch) rows.push([...row]);
    return { columns, rows };
  }

  async tagsOf(id: string): Promise<string[]> {
    return (await this.client.json<{ tags: string[] }>(`/v1/checkpoints/${id}/tags`)).tags;
  }

  /** What `ckpt map` draws: all runs, as the image has them. */
  async pageKinds(id: string): ReturnType<Ckpt['pageKinds']> {
    const found: KindRun[] = [];
    for await (const { runs } of this.client.lines<{ runs: [number, number, KindRun['kind']][] }>(
      `/v1/checkpoints/${id}/kinds`,
    )) {
      if (runs.length === 0) return found;
      for (const [page, count, kind] of runs) found.push({ page, count, kind });
    }
    throw this.client.cut();
  }

  async logSummary(): Promise<LogSummary> {
    return { place: this.client.url, ...(await this.client.json<Omit<LogSummary, 'place'>>('/v1/log')) };
  }

  async *logEvents(
    { checkpoint, type }: Parameters<Ckpt['logEvents']>[0] = {},
    follow?: AbortSignal,
  ): AsyncGenerator<LogEventView> {
    for (let from: string | undefined; ;) {
      let next: string | undefined;
      const query = { checkpoint, type, from };
      for await (const line of this.client.lines<LogEventView | { next: string }>('/v1/log/events', { query })) {
        if ('next' in line) next = line.next;
        else yield line;
      }
      if (next === undefined) throw this.client.cut();
      from = next;
      if (!follow || follow.aborted) return;
      try {
        await sleep(FOLLOW_INTERVAL_MS, undefined, { signal: follow });
      } catch {
        return; // aborted
      }
    }
  }
}

type KindRun = Awaited<ReturnType<Ckpt['pageKinds']>> extends Iterable<infer Run> ? Run : never;

async function* once<T>(batch: readonly T[]): AsyncGenerator<readonly T[]> {
  yield batch;
}

type Task = Awaited<ReturnType<Ckpt['tasks']>>[number];

/** Bytes come as hex. */
interface RemoteTask extends Omit<Task, 'threads'> {
  readonly threads: (Omit<Task['threads'][number], 'vector'> & { readonly vector: string | null })[];
}

type RemoteRow = Omit<CheckpointRow, 'state' | 'damage'>;

/** The service shows sealed checkpoints only. */
function rowOf(row: RemoteRow): CheckpointRow {
  const { id, name, ...rest } = row;
  return { id, name, state: 'sealed', ...rest, damage: null };
}

interface RemoteMapping extends Omit<VmaEntry, 'start_addr' | 'end_addr' | 'file_offset'> {
  readonly start_hex: string;
  readonly end_hex: string;
  readonly file_offset: number | bigint | null;
}
