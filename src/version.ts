// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { EVENT_SCHEMA, PACK_VERSION } from './format/generated/store.js';
import { CATALOG_SCHEMA, LOG_SCHEMA } from './store/index.js';

interface PackageJson {
  readonly version: string;
}

/** Version of this package. */
export const version = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as PackageJson)
  .version;

/** Everything that has a version of its own: see docs/upgrading.md for what each promises. */
export const versions = {
  ckpt: version,
  image_formats: [1, 2],
  pack: PACK_VERSION,
  event_schema: EVENT_SCHEMA,
  log_schema: LOG_SCHEMA,
  catalog_schema: CATALOG_SCHEMA,
  node: process.versions.node,
} as const;

export function versionText(): string {
  return (
    `ckpt ${version} (image formats ${versions.image_formats.join(' and ')}, pack ${String(PACK_VERSION)}, events ${String(EVENT_SCHEMA)}, ` +
    `log schema ${String(LOG_SCHEMA)}, catalog schema ${String(CATALOG_SCHEMA)}, node ${process.versions.node})`
  );
}
