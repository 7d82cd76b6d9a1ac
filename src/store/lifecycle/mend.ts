// SPDX-License-Identifier: Apache-2.0
//
// Puts right what of a pack in quarantine can be known otherwise, in its file there: afterwards its header and its length are those that the
// log lists, and its pages can be looked for, be they readable or not.
import { pageIdentity, type Codec } from '../../codec/native.js';
import type { Store } from '../store.js';
import type { Quarantine } from './quarantine.js';

export interface MendEnvironment {
  readonly store: Store;
  readonly quarantine: Quarantine;
  readonly codec: Pick<Codec, 'mendPack'>;
}

/** `whole`: the file is again what its id names. StoreError. */
export async function mend({ store, quarantine, codec }: MendEnvironment, id: string): Promise<'whole' | 'damaged'> {
  const { opened } = store.log;
  const pack = store.life.packInfo(id);
  if (!pack) return 'damaged';
  const facts = { ...pack, logId: Buffer.from(opened.logId, 'hex') };
  const mended = await codec.mendPack(quarantine.path(id), id, pageIdentity(opened), facts);
  if (!mended) return 'damaged';
  quarantine.replace(id, mended.bytes);
  return mended.whole ? 'whole' : 'damaged';
}
