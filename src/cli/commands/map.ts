// SPDX-License-Identifier: Apache-2.0
import { writeSync } from 'node:fs';
import { Command } from 'commander';
import type { Ckpt } from '../../ckpt.js';
import { CkptError } from '../../format/errors.js';
import { contextOf, type Context } from '../context.js';
import { mapPicture, slicesOf } from '../map/picture.js';
import { mapRows, type MapRow } from '../map/rows.js';
import { seriesPicture, type SeriesStep } from '../map/series.js';
import { cellsOf, mapText } from '../map/text.js';
import { writeWhole } from '../output.js';

interface MapOptions {
  readonly output?: string;
  readonly svg?: boolean;
  readonly series?: string;
}

export function mapCommand(): Command {
  return new Command('map')
    .description("draw a checkpoint's memory: mappings in order, and what their pages are")
    .argument('[id]', 'checkpoint')
    .option('-o, --output <file>', 'write an SVG file (- for standard output)')
    .option('--svg', 'an SVG on standard output in place of the drawing for a terminal')
    .option('--series <name>', 'draw how the checkpoints with this name changed, as SVG')
    .addHelpText(
      'after',
      `
Bars are as long as the logarithm of their mapping; gaps are compressed. Colours: pages new in this checkpoint, stored before it,
all zero, taken from their file or the kernel (not in the image), untouched.
  ckpt map walk
  ckpt map walk -o walk.svg
  ckpt map --series walk -o change.svg`,
    )
    .action(async (id: string | undefined, options: MapOptions, command: Command) => {
      const context = contextOf(command);
      if ((id === undefined) === (options.series === undefined)) {
        throw new CkptError('usage', 'map: give either a checkpoint or --series NAME');
      }
      await context.withStore('read', async (ckpt) => {
        if (options.series !== undefined) await output(context, options, await series(ckpt, options.series));
        else if (id !== undefined) await one(context, ckpt, id, options);
      });
    });
}

async function one(context: Context, ckpt: Ckpt, id: string, options: MapOptions): Promise<void> {
  const row = await ckpt.find(id);
  const drawn = options.svg === true || options.output !== undefined;
  const rows = mapRows(await ckpt.mappings(row.id), await ckpt.pageKinds(row.id), drawn ? slicesOf : cellsOf);
  if (context.json) context.printJson(rows.map(jsonOf));
  else if (drawn) await output(context, options, mapPicture(row, rows));
  else await context.write(mapText(rows, process.stdout.isTTY && !process.env['NO_COLOR']));
}

async function series(ckpt: Ckpt, name: string): Promise<string> {
  const found = (await ckpt.list()).filter((row) => row.name === name);
  if (found.length === 0)
    throw new CkptError('missing', `map: no checkpoint has the name '${name}'`, 'ckpt ls shows names');
  const steps: SeriesStep[] = [];
  for (const row of found) steps.push({ row, vmas: await ckpt.mappings(row.id) });
  return seriesPicture(name, steps);
}

async function output(context: Context, { output: file }: MapOptions, svg: string): Promise<void> {
  if (file === undefined || file === '-') await context.write(svg);
  else await writeWhole(file, async (fd) => void writeSync(fd, svg));
}

function jsonOf({ startPage, endPage, label, prot, mappings, totals }: MapRow): object {
  return { start_addr: BigInt(startPage) * 4096n, end_addr: BigInt(endPage) * 4096n, label, prot, mappings, ...totals };
}
