// SPDX-License-Identifier: Apache-2.0
//
// The chain digest of a checkpoint's stream of events:
//
//   link[-1] = SHA-256("ckpt chain 1\0" checkpoint)
//   link[n]  = SHA-256(link[n-1] type "\0" seq "\0" value)     type and seq (decimal) as text
//
// `sealed` names the link of the event before it. A reader that arrives at the same link has seen every event of the
// stream, whole, in order and of this checkpoint. A link is all the state there is, so a reader may stop and go on later.
import { createHash } from 'node:crypto';

/** Bytes of a link. */
export const CHAIN_LINK_BYTES = 32;

/** Running chain digest of one stream. */
export class EventChain {
  private constructor(private state: Buffer) {}

  /** The chain of a checkpoint before its first event. */
  static start(checkpoint: string): EventChain {
    return new EventChain(createHash('sha256').update(`ckpt chain 1\0${checkpoint}`).digest());
  }

  /** Goes on from a link that was kept. */
  static from(link: Buffer): EventChain {
    if (link.length !== CHAIN_LINK_BYTES)
      throw new RangeError(`a chain link has ${CHAIN_LINK_BYTES} bytes, not ${link.length}`);
    return new EventChain(Buffer.from(link));
  }

  /** Takes the next event of the stream. */
  add(event: { readonly type: string; readonly seq: number; readonly value: Buffer }): void {
    this.state = createHash('sha256')
      .update(this.state)
      .update(`${event.type}\0${event.seq}\0`)
      .update(event.value)
      .digest();
  }

  /** The link of the last event taken: 32 bytes, not to be changed. */
  get link(): Buffer {
    return this.state;
  }

  /** The same as lower-case hex, as `sealed` holds it. */
  get hex(): string {
    return this.state.toString('hex');
  }
}
