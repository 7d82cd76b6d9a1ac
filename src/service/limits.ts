// SPDX-License-Identifier: Apache-2.0

/** What one service does at most. All are options of `ckpt serve`, with these defaults. */
export interface Limits {
  /** Images streamed at once; each takes a few MiB. */
  readonly imagesMax: number;
  /** Images taken in at once; each takes some tens of MiB. */
  readonly ingestsMax: number;
  readonly restartsMax: number;
  readonly queriesMax: number;
  /** Bytes of one ingested body. */
  readonly ingestBytesMax: number;
  /** Bytes of any other body. */
  readonly bodyBytesMax: number;
  readonly connectionsMax: number;
  /** Followers of /v1/events. */
  readonly followersMax: number;
  /** Requests a second of a token that has no rate of its own. */
  readonly requestsPerSecond: number;
  /** Refused tokens a second from one address, before it has to wait. */
  readonly refusalsPerSecond: number;
  /** Time for a request's headers, and for a small body. */
  readonly headersMs: number;
  /** How long a body or the reader of a stream may stand still. */
  readonly stallMs: number;
  /** A body that comes in slower than this on average (beyond stallMs) is given up. */
  readonly bodyBytesPerSecondMin: number;
  /** How long running work may go on when the service is told to stop. */
  readonly graceMs: number;
  readonly sqlMs: number;
  readonly sqlRowsMax: number;
  /** Of one answer, about. */
  readonly sqlBytesMax: number;
}

export const defaultLimits: Limits = {
  imagesMax: 256,
  ingestsMax: 4,
  restartsMax: 16,
  queriesMax: 4,
  ingestBytesMax: 2 ** 40,
  bodyBytesMax: 64 << 10,
  connectionsMax: 1024,
  followersMax: 64,
  requestsPerSecond: 100,
  refusalsPerSecond: 5,
  headersMs: 10_000,
  stallMs: 60_000,
  bodyBytesPerSecondMin: 1024,
  graceMs: 30_000,
  sqlMs: 10_000,
  sqlRowsMax: 100_000,
  sqlBytesMax: 16 << 20,
};
