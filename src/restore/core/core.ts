// SPDX-License-Identifier: Apache-2.0
//
// A checkpoint as an ELF core, for gdb and other debuggers: headers and notes made here, memory streamed by the native writer,
// each page verified, zeros as holes. Memory is bounded by the number of segments, not by that of pages.
import { CkptError } from '../../format/errors.js';
import type { PageRun, TaskView, VmaEntry } from '../../store/index.js';
import { withWriter, type RebuildEnvironment, type StoredImage } from '../rebuild.js';
import { coreHeaders } from './elf.js';
import { coreSegments } from './layout.js';
import { coreNotes } from './notes.js';

/** What a core is made of. */
export interface CoreSource {
  readonly image: StoredImage;
  readonly tasks: readonly TaskView[];
  /** By address. */
  readonly vmas: readonly VmaEntry[];
  /** The page map, by address. */
  readonly runs: () => Iterable<PageRun>;
}

/** Bytes of headers handed to the writer at a time. */
const LITERAL_BYTES = 512 << 10;

/** Writes the core to a descriptor and returns its bytes. CkptError `unsupported` for an image with several tasks. */
export async function writeCore(source: CoreSource, fd: number, env: RebuildEnvironment): Promise<number> {
  const { image, tasks, vmas } = source;
  const [task] = tasks;
  if (!task || tasks.length > 1) {
    throw new CkptError('unsupported', `checkpoint ${image.id} has ${tasks.length} tasks: a core is of one`);
  }
  const segments = coreSegments(vmas, source.runs());
  const headers = coreHeaders(segments, coreNotes(task, vmas));
  const stored = segments.filter((segment) => segment.stored);
  const pages = Float64Array.from(stored.flatMap(({ firstPage, endPage }) => [firstPage, endPage]));
  return withWriter(image, { ...env, fd, segments: pages }, async (writer) => {
    for (let at = 0; at < headers.length; at += LITERAL_BYTES)
      await writer.push([{ type: 'record', value: headers.subarray(at, at + LITERAL_BYTES) }]);
    for (const batch of image.events()) await writer.push(batch.filter(({ type }) => type === 'pages'));
    return (await writer.finish()).bytes;
  });
}
