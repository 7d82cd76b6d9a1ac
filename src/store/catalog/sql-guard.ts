// SPDX-License-Identifier: Apache-2.0
//
// What of a statement is decided before SQLite sees it. A PRAGMA may act while it is compiled, and some that answer with rows
// change how the connection locks the file: only those that tell something are let through. Everything else that could write
// is refused by the connection itself, which is read-only.

/** PRAGMAs that answer and change nothing, with or without an argument. */
const telling: ReadonlySet<string> = new Set([
  'application_id',
  'collation_list',
  'compile_options',
  'database_list',
  'foreign_key_check',
  'foreign_key_list',
  'function_list',
  'index_info',
  'index_list',
  'index_xinfo',
  'integrity_check',
  'module_list',
  'page_count',
  'page_size',
  'freelist_count',
  'pragma_list',
  'quick_check',
  'schema_version',
  'table_info',
  'table_list',
  'table_xinfo',
  'user_version',
]);

/** Those of them that set something when they are given an argument. */
const settable: ReadonlySet<string> = new Set(['application_id', 'page_size', 'schema_version', 'user_version']);

const blank = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;
const word = /^(?:"([^"]*)"|\[([^\]]*)\]|`([^`]*)`|'([^']*)'|([A-Za-z_][A-Za-z0-9_]*))/;

/** Why a statement is refused at once, or null. */
export function refusal(sql: string): string | null {
  let rest = sql;
  const next = (): string => {
    rest = rest.replace(blank, '');
    const match = word.exec(rest);
    rest = rest.slice(match?.[0].length ?? 0);
    return (match?.slice(1).find(Boolean) ?? '').toLowerCase();
  };
  let first = next();
  if (first === 'explain') {
    first = next();
    if (first === 'query') {
      next();
      first = next();
    }
  }
  if (first === 'attach' || first === 'detach') return 'a query sees the catalog alone: no other file is attached';
  if (first !== 'pragma') return null;
  let name = next();
  rest = rest.replace(blank, '');
  if (rest.startsWith('.')) {
    rest = rest.slice(1);
    name = next();
    rest = rest.replace(blank, '');
  }
  if (telling.has(name) && (rest === '' || !settable.has(name))) return null;
  return `PRAGMA ${name} is not one of those that only tell something`;
}
