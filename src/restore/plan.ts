// SPDX-License-Identifier: Apache-2.0
//
// What a lazy restart needs of a checkpoint: its records and where each page is, without reading a page.
import type { Codec, PageIdentity } from '../codec/native.js';
import type { StoredImage } from './rebuild.js';

/** Makes the plan of a lazy restart; the caller closes its descriptor. CkptError, CodecError. */
export async function planRestart(image: StoredImage, codec: Codec, identity: PageIdentity): Promise<number> {
  const hold = await image.prepare();
  try {
    const builder = codec.openPlan({ checkpoint: image.id, identity });
    for (const batch of image.events()) builder.push(batch);
    return builder.finish(image.bytes);
  } finally {
    hold.release();
  }
}
