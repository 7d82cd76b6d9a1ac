// SPDX-License-Identifier: Apache-2.0
//
// Gives pages of damaged packs a new place: what is sound in them goes into new packs, what is not is looked for, by its hash, in all
// other packs, where it may have come with a later checkpoint. Both are moves like those of rewriting, so every catalog follows.
import { pageIdentity, type Codec, type PageIndex } from '../../codec/native.js';
import { outsideEvent, type PackMove } from '../../format/events.js';
import { HASH_BYTES, PACK_HEADER_BYTES } from '../../format/generated/store.js';
import { bitmapRuns } from '../catalog/page-moves.js';
import { countSlots } from '../catalog/slots.js';
import type { Store } from '../store.js';
import { mend } from './mend.js';
import type { Quarantine } from './quarantine.js';
import { movesOf, repack } from './rewrite.js';

export interface HealEnvironment {
  readonly store: Store;
  readonly quarantine: Quarantine;
  readonly codec: Pick<Codec, 'repack' | 'soundPages' | 'mendPack'>;
  /** Of all packs that are sound. */
  readonly index: PageIndex;
  readonly signal?: AbortSignal;
}

export interface Healed {
  /** Pages taken out of damaged packs. */
  readonly saved_pages: number;
  /** Pages found in other packs. */
  readonly found_pages: number;
  /** Pages in use that are nowhere. */
  readonly lost_pages: number;
}

/** Only with the turn taken (Leases.takeTurn). StoreError. */
export async function heal(env: HealEnvironment): Promise<Healed> {
  const healed = { saved_pages: 0, found_pages: 0, lost_pages: 0 };
  await env.store.catchUp();
  for (const id of env.quarantine.ids()) {
    if ((await mend(env, id)) === 'whole') {
      await putBack(env, id);
      continue;
    }
    const { saved, found } = await healPack(env, id);
    healed.saved_pages += saved;
    healed.found_pages += found;
    const left = countSlots(env.store.life.slotsNeeded(id));
    if (left === 0) await giveUp(env, id);
    healed.lost_pages += left;
  }
  return healed;
}

/** Puts a pack back whose bytes are all there. */
async function putBack({ store, quarantine }: HealEnvironment, id: string): Promise<void> {
  const pack = store.life.packInfo(id);
  if (pack && !store.life.isDeleted(id)) await store.log.packs.put([{ ...pack, bytes: quarantine.read(id) }]);
  quarantine.drop(id);
}

/** Nobody needs it any more: collecting takes it off the list. */
async function giveUp({ store, quarantine }: HealEnvironment, id: string): Promise<void> {
  if (!store.life.isCondemned(id)) {
    const at = new Date().toISOString();
    await store.log.append([outsideEvent('packs-condemned', store.log.opened.logId, { at, packs: [id] })]);
    await store.catchUp();
  }
  quarantine.drop(id);
}

async function healPack(env: HealEnvironment, id: string): Promise<{ saved: number; found: number }> {
  const { store, quarantine, codec } = env;
  const path = quarantine.path(id);
  const used = store.life.slotsNeeded(id);
  if (countSlots(used) === 0) return { saved: 0, found: 0 };
  const sound = await codec.soundPages(path, id, pageIdentity(store.log.opened));
  const readable = Buffer.from(used.map((byte, at) => byte & (sound[at] ?? 0)));
  const lost = Buffer.from(used.map((byte, at) => byte & ~(sound[at] ?? 0)));
  const moves: PackMove[] = [];
  let saved = 0;
  if (countSlots(readable) > 0) {
    const copied = movesOf(id, 0, await repack(env, [{ path, id, slots: readable }]));
    moves.push(...copied.moves);
    saved = copied.pages;
  }
  const elsewhere = await findElsewhere(env, id, lost);
  moves.push(...elsewhere.moves);
  if (moves.length > 0) {
    const at = new Date().toISOString();
    await store.log.append([outsideEvent('packs-moved', store.log.opened.logId, { at, moves })]);
    await store.catchUp();
  }
  return { saved, found: elsewhere.found };
}

/** A directory that was damaged itself names hashes that no page has, so what is found is what was lost. */
async function findElsewhere(
  env: HealEnvironment,
  id: string,
  lost: Buffer,
): Promise<{ moves: PackMove[]; found: number }> {
  const slots = [...bitmapRuns(lost)].flatMap(({ slot, count }) => Array.from({ length: count }, (_, i) => slot + i));
  if (slots.length === 0 || !env.quarantine.has(id)) return { moves: [], found: 0 };
  const directory = env.quarantine.read(id).subarray(PACK_HEADER_BYTES);
  const hashes = Buffer.concat(slots.map((slot) => directory.subarray(slot * HASH_BYTES, (slot + 1) * HASH_BYTES)));
  if (hashes.length < slots.length * HASH_BYTES) return { moves: [], found: 0 };
  const { packs, places } = await env.index.find(hashes);
  const runs = new Map<string, [number, number, number][]>();
  let found = 0;
  slots.forEach((slot, at) => {
    const pack = packs[places.readUInt32LE(at * 8)];
    if (pack === undefined || pack === id) return;
    runs.set(pack, [...(runs.get(pack) ?? []), [slot, 1, places.readUInt32LE(at * 8 + 4)]]);
    found++;
  });
  return { moves: [...runs].map(([to, some]) => ({ from: id, to, runs: some })), found };
}
