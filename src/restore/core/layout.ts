// SPDX-License-Identifier: Apache-2.0
//
// Which memory an ELF core holds, and where. Anonymous memory is there whole, with zeros where nothing was touched, as the kernel
// dumps it. Of a file's mapping only the pages that the image has are: a debugger takes the others from the file itself, for
// which their segments say 0 bytes. What the kernel maps by itself (vdso) has an address and no contents; vvar is left out.
import { PAGE_BYTES } from '../../format/generated/image.js';
import type { PageRun, VmaEntry } from '../../store/index.js';

/** A PT_LOAD. Pages are addresses divided by the page size. */
export interface CoreSegment {
  readonly firstPage: number;
  readonly endPage: number;
  /** Whether its contents are in the core. */
  readonly stored: boolean;
  /** PF_ bits. */
  readonly flags: number;
}

/** Segments by address. Both lists ascend. */
export function coreSegments(vmas: readonly VmaEntry[], runs: Iterable<PageRun>): CoreSegment[] {
  const segments: CoreSegment[] = [];
  const present = new Ranges(runs);
  for (const vma of vmas) {
    if (vma.kind.startsWith('vvar')) continue;
    const [firstPage, endPage] = [vma.start_addr, vma.end_addr].map((addr) => Number(addr / BigInt(PAGE_BYTES))) as [
      number,
      number,
    ];
    const flags =
      (vma.prot.includes('r') ? 4 : 0) | (vma.prot.includes('w') ? 2 : 0) | (vma.prot.includes('x') ? 1 : 0);
    if (vma.file_offset === null && vma.kind !== 'vdso') {
      segments.push({ firstPage, endPage, stored: true, flags });
      continue;
    }
    let at = firstPage;
    for (const { from, to } of present.within(firstPage, endPage)) {
      if (at < from) segments.push({ firstPage: at, endPage: from, stored: false, flags });
      segments.push({ firstPage: from, endPage: to, stored: true, flags });
      at = to;
    }
    if (at < endPage) segments.push({ firstPage: at, endPage, stored: false, flags });
  }
  return segments;
}

/** Stretches of pages that an image has, asked for in ascending order; runs that touch are one stretch. */
class Ranges {
  private readonly runs: Iterator<PageRun>;
  private next: { from: number; to: number } | undefined;

  constructor(runs: Iterable<PageRun>) {
    this.runs = runs[Symbol.iterator]();
    this.next = this.read();
  }

  *within(from: number, to: number): Generator<{ from: number; to: number }> {
    let open: { from: number; to: number } | undefined;
    while (this.next && this.next.from < to) {
      const part = { from: Math.max(this.next.from, from), to: Math.min(this.next.to, to) };
      if (part.from < part.to) {
        if (open && open.to === part.from) open.to = part.to;
        else {
          if (open) yield open;
          open = part;
        }
      }
      if (this.next.to > to) break;
      this.next = this.read();
    }
    if (open) yield open;
  }

  private read(): { from: number; to: number } | undefined {
    const next = this.runs.next();
    return next.done ? undefined : { from: next.value.page, to: next.value.page + next.value.count };
  }
}
