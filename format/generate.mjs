// SPDX-License-Identifier: Apache-2.0
//
// Makes the C headers, the TypeScript codecs and the tables of docs/format.md from image.mjs and store.mjs.
//   node format/generate.mjs           writes them
//   node format/generate.mjs --check   exits 1 when one is not what it would write
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as image from './image.mjs';
import * as store from './store.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const banner = (source) => `Generated from format/${source} by format/generate.mjs. Do not edit: npm run generate`;

const scalars = {
  u8: [1, '__u8', 'number', 'UInt8'], u16: [2, '__u16', 'number', 'UInt16LE'], s16: [2, '__s16', 'number', 'Int16LE'],
  u32: [4, '__u32', 'number', 'UInt32LE'], s32: [4, '__s32', 'number', 'Int32LE'],
  u64: [8, '__u64', 'bigint', 'BigUInt64LE'], s64: [8, '__s64', 'bigint', 'BigInt64LE'],
};

/** Gives every field its offset and size; a gap that is not spelled out, or a wrong total, is an error. */
function layOut(struct) {
  let offset = 0;
  let alignMax = 1;
  const fields = struct.fields.map(([type, name, doc]) => {
    const [, base, count] = /^(\w+?)(?:\[(\d+)\])?$/.exec(type);
    const element = base === 'char' || base === 'pad' ? 'u8' : base;
    const align = scalars[element][0];
    if (offset % align) throw new Error(`${struct.name}.${name}: ${offset} is not aligned to ${align}: spell the padding out`);
    const field = { type, base, element, count: count ? Number(count) : 0, name, doc, offset, bytes: align * (count ? Number(count) : 1) };
    offset += field.bytes;
    alignMax = Math.max(alignMax, align);
    return field;
  });
  if (offset !== struct.size) throw new Error(`${struct.name}: fields take ${offset} bytes, size says ${struct.size}`);
  if (offset % alignMax) throw new Error(`${struct.name}: ${offset} bytes are not a multiple of its alignment ${alignMax}`);
  return { ...struct, fields };
}

const hex = (n) => (n >= 0x10000 || n < 0 ? `0x${n.toString(16).padStart(8, '0')}` : String(n));

function cHeader(source, guard, module, structs) {
  const out = [
    '/* SPDX-License-Identifier: (GPL-2.0 OR Apache-2.0) */', `/* ${banner(source)} */`, `#ifndef ${guard}`, `#define ${guard}`, '',
    '#include <linux/types.h>', '', '#ifdef __cplusplus', '#define CKPT_ASSERT(what, why) static_assert(what, why)', '#define CKPT_OFFSETOF(t, f) __builtin_offsetof(t, f)',
    '#else', '#define CKPT_ASSERT(what, why) _Static_assert(what, why)', '#define CKPT_OFFSETOF(t, f) __builtin_offsetof(struct t, f)', '#endif', '',
  ];
  for (const [name, value, doc] of module.limits) out.push(`#define CKPT_${name} ${hex(value)}${value > 0x7fffffff ? 'u' : ''} /* ${doc} */`);
  if (module.records) {
    out.push('', '/* record numbers */');
    for (const r of module.records) out.push(`#define CKPT_REC_${r.name} ${r.type}`);
    for (const e of module.enums) {
      out.push('', `/* ${e.doc} */`);
      for (const [name, value, doc] of e.values) out.push(`#define CKPT_${e.prefix}${name} 0x${value.toString(16)}${doc ? ` /* ${doc} */` : ''}`);
    }
  }
  for (const s of structs) {
    out.push('', `/* ${s.doc} */`, `struct ${s.name} {`);
    for (const f of s.fields) {
      const ctype = f.base === 'char' ? 'char' : scalars[f.element][1];
      out.push(`\t${ctype} ${f.name}${f.count ? `[${f.count}]` : ''};${f.doc ? ` /* ${f.doc} */` : ''}`);
    }
    out.push('};', `CKPT_ASSERT(sizeof(struct ${s.name}) == ${s.size}, "${s.name}");`);
    for (const f of s.fields) out.push(`CKPT_ASSERT(CKPT_OFFSETOF(${s.name}, ${f.name}) == ${f.offset}, "${s.name}.${f.name}");`);
  }
  out.push('', `#endif /* ${guard} */`, '');
  return out.join('\n');
}

const pascal = (name) => name.split('_').map((w) => w[0].toUpperCase() + w.slice(1)).join('');
const camel = (name) => { const p = pascal(name.replace(/_+$/, '')); return p[0].toLowerCase() + p.slice(1); };

function tsField(f) {
  if (f.base === 'char') return 'string';
  if (f.base === 'pad' || (f.base === 'u8' && f.count)) return 'Buffer';
  const scalar = scalars[f.element][2];
  return f.count ? `${scalar}[]` : scalar;
}

function tsDecode(f) {
  const at = f.offset ? `at + ${f.offset}` : 'at';
  if (f.base === 'char') return `text(buffer, ${at}, ${f.count})`;
  if (f.base === 'pad' || (f.base === 'u8' && f.count)) return `buffer.subarray(${at}, at + ${f.offset + f.bytes})`;
  const [size, , , method] = scalars[f.element];
  if (f.count) return `Array.from({ length: ${f.count} }, (_, i) => buffer.read${method}(${at} + ${size} * i))`;
  return `buffer.read${method}(${at})`;
}

function tsEncode(f) {
  const key = camel(f.name);
  const [size, , scalar, method] = scalars[f.element];
  if (f.base === 'char') return `if (value.${key} !== undefined) buffer.write(value.${key}, ${f.offset}, ${f.count}, 'latin1');`;
  if (f.base === 'pad' || (f.base === 'u8' && f.count)) return `value.${key}?.copy(buffer, ${f.offset}, 0, ${f.bytes});`;
  if (f.count) return `value.${key}?.forEach((v, i) => buffer.write${method}(v, ${f.offset} + ${size} * i));`;
  return `buffer.write${method}(value.${key} ?? ${scalar === 'bigint' ? '0n' : '0'}, ${f.offset});`;
}

function tsCodec(source, module, structs) {
  const out = ['// SPDX-License-Identifier: Apache-2.0', `// ${banner(source)}`, ''];
  const text = structs.some((s) => s.fields.some((f) => f.base === 'char'));
  if (text) out.push('function text(buffer: Buffer, at: number, bytes: number): string {', "  const end = buffer.subarray(at, at + bytes).indexOf(0);", "  return buffer.toString('latin1', at, at + (end < 0 ? bytes : end));", '}', '');
  for (const [name, value, doc] of module.limits) out.push(`/** ${doc} */`, `export const ${name} = ${hex(value)};`);
  if (module.records) {
    out.push('', '/** Record numbers. */', 'export const RecordType = {', ...module.records.map((r) => `  ${r.name}: ${r.type},`), '} as const;', 'export type RecordName = keyof typeof RecordType;', '',
      '/** The name of a record number of an image version, or undefined. */', 'export const recordNames: Readonly<Record<1 | 2, ReadonlyMap<number, RecordName>>> = {',
      ...[1, 2].map((v) => `  ${v}: new Map<number, RecordName>([${module.records.filter((r) => r.versions.includes(v)).map((r) => `[${r.type}, '${r.name}']`).join(', ')}]),`), '};');
    for (const e of module.enums) out.push('', `/** ${e.doc} */`, `export const ${pascal(e.name.toLowerCase())} = {`, ...e.values.map(([n, v, doc]) => `${doc ? `  /** ${doc} */\n` : ''}  ${n}: 0x${v.toString(16)},`), '} as const;');
  }
  for (const s of structs) {
    const name = pascal(s.name);
    out.push('', `/** ${s.doc} */`, `export interface ${name} {`);
    for (const f of s.fields) out.push(...(f.doc ? [`  /** ${f.doc} */`] : []), `  ${camel(f.name)}: ${tsField(f)};`);
    out.push('}', `export const ${s.name.toUpperCase()}_BYTES = ${s.size};`);
    out.push(`/** Reads a ${s.name} at a byte offset. RangeError when the buffer is too short. */`, `export function decode${name}(buffer: Buffer, at = 0): ${name} {`, '  return {',
      ...s.fields.map((f) => `    ${camel(f.name)}: ${tsDecode(f)},`), '  };', '}');
    out.push(`/** The ${s.size} bytes of a ${s.name}; what is left out is zero. */`, `export function encode${name}(value: Partial<${name}>): Buffer {`, `  const buffer = Buffer.alloc(${s.size});`,
      ...s.fields.map((f) => `  ${tsEncode(f)}`), '  return buffer;', '}');
  }
  return out.join('\n') + '\n';
}

function markdown(structs) {
  const out = [];
  for (const s of structs) {
    const record = image.records.find((r) => r.struct === s.name);
    out.push(`### ${record ? `${record.name} (${record.type}): ` : ''}\`${s.name}\`, ${s.size} bytes`, '', s.doc, '', '| offset | type | field | meaning |', '|---|---|---|---|');
    for (const f of s.fields) out.push(`| ${f.offset} | ${f.base === 'pad' ? `${f.count} bytes` : f.type} | ${f.base === 'pad' ? '' : f.name} | ${f.base === 'pad' ? 'padding, kept as found' : f.doc} |`);
    if (record?.raw) out.push('', `Raw bytes after the payload: ${record.raw}.`);
    if (record?.tail) out.push('', `After these ${s.size} bytes, inside the payload: ${record.tail}.`);
    out.push('');
  }
  return out.join('\n');
}

function constants(module) {
  const out = ['| name | value | meaning |', '|---|---|---|', ...module.limits.map(([n, v, d]) => `| ${n} | ${v > 9999 ? `${v} (0x${v.toString(16)})` : v} | ${d} |`)];
  for (const e of module.enums ?? []) out.push('', `**${e.prefix}** ${e.doc}:`, '', '| name | value | meaning |', '|---|---|---|', ...e.values.map(([n, v, d]) => `| ${e.prefix}${n} | 0x${v.toString(16)} | ${d} |`));
  return out.join('\n');
}

/** Replaces what stands between `<!-- generated NAME -->` and `<!-- end NAME -->`. */
function fill(document, sections) {
  for (const [name, body] of Object.entries(sections)) {
    const pattern = new RegExp(`(<!-- generated ${name} -->\n)[\\s\\S]*?(<!-- end ${name} -->)`);
    if (!pattern.test(document)) throw new Error(`docs/format.md has no section ${name}`);
    document = document.replace(pattern, (_, open, close) => `${open}\n${body.trimEnd()}\n\n${close}`);
  }
  return document;
}

const imageStructs = image.structs.map(layOut);
const storeStructs = store.structs.map(layOut);
const docsPath = join(root, 'docs/format.md');
const outputs = {
  'format/generated/ckpt_image.h': cHeader('image.mjs', 'CKPT_IMAGE_H', image, imageStructs),
  'format/generated/ckpt_store.h': cHeader('store.mjs', 'CKPT_STORE_H', store, storeStructs),
  'src/format/generated/image.ts': tsCodec('image.mjs', image, imageStructs),
  'src/format/generated/store.ts': tsCodec('store.mjs', store, storeStructs),
};
if (existsSync(docsPath)) {
  outputs['docs/format.md'] = fill(readFileSync(docsPath, 'utf8'), {
    constants: constants(image), 'order-1': '```\n' + image.order[1] + '\n```', 'order-2': '```\n' + image.order[2] + '\n```',
    'version-1': markdown(imageStructs.filter((s) => s.versions.includes(1))), 'version-2': markdown(imageStructs.filter((s) => !s.versions.includes(1))),
    'store-constants': constants(store), store: markdown(storeStructs), runs: '```\n' + store.runs + '\n```',
  });
}

const check = process.argv.includes('--check');
let stale = 0;
for (const [path, body] of Object.entries(outputs)) {
  const full = join(root, path);
  if (existsSync(full) && readFileSync(full, 'utf8') === body) continue;
  if (check) {
    console.error(`${path} is not what format/ says: npm run generate`);
    stale++;
    continue;
  }
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, body);
  console.error(`wrote ${path}`);
}
process.exit(stale ? 1 : 0);
