// SPDX-License-Identifier: Apache-2.0
//
// Who may know whom, checked: the rules of docs/ARCHITECTURE.md over every import and include, and the house rules that
// no linter knows. Prints each breach as FILE:LINE: WORDS, then a count of the rules that hold.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { capture, isMain, main, root } from './lib/run.mjs';

/** The rooms that make the library. */
const below = {
  format: 'all',
  machine: 'all',
  codec: 'all',
  process: 'all',
  store: 'all',
  ingest: 'all',
  restore: 'all',
  service: 'all',
  seals: 'all',
};

/**
 * Rooms of src/ and what each may import: `all` of a room, or its `types` only. Types are interfaces: the one who composes
 * (cli, index) chooses what stands behind them.
 */
const rooms = {
  format: {},
  machine: { format: 'all' },
  codec: { format: 'all' },
  process: { format: 'all' },
  store: { format: 'all', machine: 'all', codec: 'all' },
  ingest: { format: 'all', codec: 'all', process: 'all', store: 'types' },
  restore: { format: 'all', codec: 'all', process: 'all', store: 'types' },
  seals: { format: 'all', codec: 'all' },
  service: {
    format: 'all',
    codec: 'all',
    process: 'all',
    store: 'all',
    restore: 'all',
    seals: 'all',
    library: 'all',
  },
  remote: {
    format: 'all',
    machine: 'all',
    codec: 'all',
    process: 'all',
    ingest: 'all',
    restore: 'all',
    service: 'all',
    seals: 'all',
    library: 'all',
  },
  cli: { ...below, remote: 'all', library: 'all' },
  library: { ...below, cli: 'all' },
};

/** Folders of native/ (and format/generated) that each may include from. */
const nativeRooms = {
  codec: ['codec', 'format'],
  pager: ['pager', 'codec', 'format'],
  process: ['process', 'pager', 'codec', 'format'],
  addon: ['addon', 'codec', 'format'],
};

/** What only native/addon may include. */
const nodeHeaders = /^(napi|node_api|js_native_api|node|v8|uv)(\.h|-.*)?$/;

const sourceFile = /\.(ts|mts|mjs|js|cc|h|c|S|py|sh|pl)$|^\.ci\/run$|^bin\/|Makefile$|\.gyp$/;
const thirdPartyText = /^LICENSES\//;

/** Room of a file under src/; files directly in src/ are the library's face. */
function roomOf(file) {
  const parts = file.split('/');
  return parts.length === 2 ? 'library' : parts[1];
}

/** Module specifiers of a TypeScript file with their line and whether only types are taken. */
function imports(text) {
  const found = [];
  const pattern =
    /^\s*(?:import|export)\s+(type\s+)?([^;'"=()]*?)\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;
  for (const match of text.matchAll(pattern)) {
    const names =
      /\{([^}]*)\}/
        .exec(match[2] ?? '')?.[1]
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean) ?? [];
    found.push({
      line: text.slice(0, match.index).split('\n').length + (match[0].startsWith('\n') ? 1 : 0),
      specifier: match[3] ?? match[4] ?? match[5],
      typesOnly: Boolean(match[1]) || (names.length > 0 && names.every((name) => name.startsWith('type '))),
    });
  }
  return found;
}

function checkSource(file, text, breach) {
  const room = roomOf(file);
  const allowed = rooms[room];
  if (!allowed) return breach('rooms', file, 1, `src/${room} is not a room that docs/ARCHITECTURE.md knows`);
  for (const { line, specifier, typesOnly } of imports(text)) {
    if (!specifier.startsWith('.')) continue;
    const target = normalize(join(dirname(file), specifier));
    if (!target.startsWith('src/')) {
      breach('rooms', file, line, `imports ${target}, which is outside of src/`);
      continue;
    }
    const other = roomOf(target);
    if (other === room) continue;
    const how = allowed[other];
    if (!how) breach('rooms', file, line, `${room} must not know ${other}`);
    else if (how === 'types' && !typesOnly) breach('rooms', file, line, `${room} may know only the types of ${other}`);
  }
}

function checkNative(file, text, breach) {
  const room = file.split('/')[1];
  const allowed = nativeRooms[room];
  if (!allowed) return;
  text.split('\n').forEach((content, index) => {
    const match = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(content);
    if (!match) return;
    const [, quote, path] = match;
    if (nodeHeaders.test(path) && room !== 'addon')
      breach('native', file, index + 1, `only native/addon may include ${path}`);
    if (quote === '<' && !path.startsWith('ckpt')) return;
    const target = resolveInclude(file, path);
    if (target && !allowed.includes(target))
      breach('native', file, index + 1, `native/${room} must not include ${path}`);
  });
}

/** Room that an include leads to: beside the file, or from one of the roots that the build gives. */
function resolveInclude(file, path) {
  for (const base of [dirname(file), '.', 'native', 'format', 'format/generated']) {
    const candidate = normalize(join(base, path));
    if (!existsSync(join(root, candidate))) continue;
    const parts = candidate.split('/');
    return parts[0] === 'native' ? parts[1] : parts[0];
  }
  return undefined;
}

/** Things that must not stand in any file: they would tie the project to one machine or one registry. */
const forbidden = [
  [
    new RegExp(['registry', 'npmjs'].join('\\.') + '|' + ['registry', 'yarnpkg'].join('\\.')),
    'names a package registry',
  ],
  [/(^|[\s"'`(=:])\/(root|home\/[a-z]+|work|farm|Users)\//, 'holds a path of one machine'],
];

/** Files of the checkout that are, or are about to be, in git. */
function files() {
  const listed = capture('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  if (listed.status !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
  return listed.stdout.split('\0').filter((file) => file && existsSync(join(root, file)));
}

/** Returns the rules and, for each, the breaches found. */
export function checkRooms() {
  const breaches = new Map(['rooms', 'native', 'spdx', 'generated', 'forbidden', 'length'].map((rule) => [rule, []]));
  const breach = (rule, file, line, words) => breaches.get(rule).push(`${file}:${line}: ${words}`);
  for (const file of files()) {
    if (thirdPartyText.test(file) || /\.(img|png|svg|json)$/.test(file)) {
      if (!/^package(-lock)?\.json$/.test(file)) continue;
    }
    const text = readFileSync(join(root, file), 'utf8');
    const lines = text.split('\n');
    if (sourceFile.test(file) && !lines.slice(0, 3).some((line) => line.includes('SPDX-License-Identifier: '))) {
      breach('spdx', file, 1, 'has no SPDX-License-Identifier in its first lines');
    }
    if (/^.{0,6}Generated from /m.test(lines.slice(0, 4).join('\n')) && !file.includes('generated')) {
      breach('generated', file, 1, 'is generated and does not say so in its path');
    }
    if (sourceFile.test(file) && lines.length > 501 && !file.includes('generated')) {
      breach('length', file, lines.length, 'is longer than 500 lines');
    }
    lines.forEach((line, index) => {
      for (const [pattern, words] of forbidden) if (pattern.test(line)) breach('forbidden', file, index + 1, words);
    });
    if (file.startsWith('src/') && file.endsWith('.ts')) checkSource(file, text, breach);
    if (file.startsWith('native/') && /\.(h|cc)$/.test(file)) checkNative(file, text, breach);
  }
  return breaches;
}

if (isMain(import.meta.url)) {
  await main(() => {
    const breaches = checkRooms();
    for (const line of [...breaches.values()].flat()) process.stdout.write(`${line}\n`);
    const failed = [...breaches.values()].filter((list) => list.length).length;
    process.stdout.write(`rooms: ${breaches.size - failed} passed, ${failed} failed\n`);
    return failed ? 1 : 0;
  });
}
