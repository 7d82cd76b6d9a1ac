// SPDX-License-Identifier: Apache-2.0
//
// Plain SVG, without scripts or fonts of its own. Colours are told apart by all kinds of colour vision (those of Okabe and Ito), follow the
// reader's light or dark theme, and never carry the meaning alone: lengths and words beside them say the same.
import type { Kind } from './rows.js';

export interface Theme {
  readonly background: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly kinds: Readonly<Record<Kind, string>>;
}

const light: Theme = {
  background: '#ffffff',
  text: '#1f2937',
  muted: '#6b7280',
  line: '#d1d5db',
  kinds: { new: '#d55e00', shared: '#0072b2', zero: '#c3c9d3', file: '#e4d9b4', untouched: '#f4f5f7' },
};
const dark: Theme = {
  background: '#14181f',
  text: '#e5e7eb',
  muted: '#9aa3b2',
  line: '#3a424f',
  kinds: { new: '#f0883e', shared: '#56a8e0', zero: '#5b6472', file: '#6b6242', untouched: '#20262f' },
};

function rules({ background, text, muted, line, kinds }: Theme): string {
  const fills = Object.entries(kinds).map(([kind, colour]) => `.${kind}{fill:${colour}}`);
  return [
    `.paper{fill:${background}}`,
    `text{fill:${text}}`,
    `.muted,text.muted{fill:${muted}}`,
    `.line{stroke:${line};fill:none}`,
    ...fills,
  ].join('');
}

const fonts =
  'text{font-family:"DejaVu Sans",Verdana,sans-serif;font-size:11px}.mono{font-family:"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:10.5px}' +
  '.title{font-size:16px;font-weight:bold}.right{text-anchor:end}.middle{text-anchor:middle}';

/** A whole document. */
export function svgDocument(width: number, height: number, label: string, body: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">`,
    `<style>${fonts}${rules(light)}@media (prefers-color-scheme:dark){${rules(dark)}}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

export function textAt(x: number, y: number, text: string, classes = ''): string {
  return `<text x="${round(x)}" y="${round(y)}"${classes ? ` class="${classes}"` : ''}>${escaped(text)}</text>`;
}

export function rectAt(x: number, y: number, width: number, height: number, classes: string, title?: string): string {
  const box = `<rect class="${classes}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
  return title === undefined ? `${box}/>` : `${box}><title>${escaped(title)}</title></rect>`;
}

/** A path from rectangles of one class: many slices in one element. */
export function rectsPath(classes: string, rects: readonly (readonly [number, number, number, number])[]): string {
  if (rects.length === 0) return '';
  const data = rects.map(
    ([x, y, width, height]) => `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}z`,
  );
  return `<path class="${classes}" d="${data.join('')}"/>`;
}

export function lineAt(x1: number, y1: number, x2: number, y2: number, dashed = false): string {
  return `<line class="line" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"${dashed ? ' stroke-dasharray="2 3"' : ''}/>`;
}

export function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}

export function escaped(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- XML has no place for them
      .replace(/[\x00-\x1f\x7f]/g, '\ufffd')
      .replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c)
  );
}

/** A long path loses its middle: what is at its end says more. */
export function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  const head = Math.floor((charactersMax - 1) / 3);
  return `${text.slice(0, head)}…${text.slice(text.length - (charactersMax - 1 - head))}`;
}

export const kindWords: Readonly<Record<Kind, string>> = {
  new: 'new in this checkpoint',
  shared: 'stored before',
  zero: 'all zero',
  file: 'from its file or the kernel',
  untouched: 'untouched',
};
