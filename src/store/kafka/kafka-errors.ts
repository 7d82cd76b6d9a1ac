// SPDX-License-Identifier: Apache-2.0
//
// Errors of kafkajs and of sockets in the store's words.
import { CkptError } from '../../format/errors.js';
import { StoreError } from '../errors.js';

interface KafkaFailure {
  readonly name: string;
  readonly message: string;
  readonly code?: unknown;
  readonly type?: unknown;
  readonly retriable?: unknown;
  readonly broker?: unknown;
  readonly cause?: unknown;
  /** Of several topics at once. */
  readonly errors?: unknown;
}

/** None of the cluster has answered yet, as opposed to one of its brokers that others still name. */
export class NobodyThere extends Error {
  override readonly name = 'NobodyThere';
}

/** The error at the bottom: kafkajs wraps what it gave up on. */
function rootOf(error: unknown): KafkaFailure {
  let root = error as KafkaFailure;
  for (let depth = 0; depth < 8; depth++) {
    if (root.name === 'KafkaJSAggregateError' && Array.isArray(root.errors)) {
      const all = root.errors as KafkaFailure[];
      root = all.find(({ type }) => type !== 'TOPIC_ALREADY_EXISTS') ?? all[0] ?? root;
      continue;
    }
    if (!wrappers.has(root.name) || !(root.cause instanceof Error) || root.cause === root) break;
    root = root.cause;
  }
  return root;
}

const wrappers: ReadonlySet<string> = new Set([
  'KafkaJSNumberOfRetriesExceeded',
  'KafkaJSNonRetriableError',
  'NobodyThere',
]);

const transientNames: ReadonlySet<string> = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSPartialMessageError',
]);

/** kafkajs says of every error that comes while a password is checked that the authentication failed. */
const lostMeanwhile = /authentication failed: .*(timed out|[Cc]onnection|connected)/;

/** Whether the same may go well a little later. */
export function isTransient(error: unknown): boolean {
  const root = rootOf(error);
  if (root instanceof CkptError) return false;
  if (root.name === 'KafkaJSSASLAuthenticationError') return lostMeanwhile.test(root.message);
  if (root.name === 'KafkaJSProtocolError') return root.retriable === true;
  // An answer that was cut off with its connection may be read past its end.
  return transientNames.has(root.name) || root.name === 'KafkaJSError' || root instanceof RangeError;
}

/** Whether there was nobody to begin with, as opposed to an answer that says no. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof NobodyThere)) return false;
  const root = rootOf(error);
  return root.name === 'KafkaJSConnectionError' || root.name === 'KafkaJSBrokerNotFound';
}

/** Whether the name of a host means nothing. */
export function isUnknownHost(error: unknown): boolean {
  return rootOf(error).code === 'ENOTFOUND';
}

export function kafkaErrorType(error: unknown): string {
  const { type } = rootOf(error);
  return typeof type === 'string' ? type : '';
}

/** A CkptError passes as it is. */
export function kafkaError(operation: string, place: string, cause: unknown): CkptError {
  if (cause instanceof CkptError) return cause;
  return new StoreError({ reason: 'failed', operation, place, cause, ...wordsFor(rootOf(cause)) });
}

function wordsFor(error: KafkaFailure): { problem: string; hint?: string } {
  const { message } = error;
  const code = typeof error.code === 'string' ? error.code : '';
  if ((error.name === 'KafkaJSSASLAuthenticationError' || /SASL/.test(message)) && !lostMeanwhile.test(message)) {
    return {
      problem: `the broker refuses authentication: ${message}`,
      hint: 'check user, password and sasl of the log URL',
    };
  }
  if (/TLS|SSL|certificate/i.test(message)) {
    return {
      problem: `no secure connection: ${message}`,
      hint: 'does the broker speak TLS at this port? check tls, ca, cert and key',
    };
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return { problem: `the host is unknown: ${message}`, hint: 'check HOST of the log URL' };
  }
  if (code === 'ECONNREFUSED') {
    return { problem: `nothing answers there: ${message}`, hint: 'is the broker running? check PORT of the log URL' };
  }
  if (error.name === 'KafkaJSRequestTimeoutError' || /timeout/i.test(message)) {
    return { problem: `the broker does not answer: ${message}`, hint: 'is it a Kafka broker, and is it well?' };
  }
  const type = kafkaErrorType(error);
  if (type.endsWith('AUTHORIZATION_FAILED')) {
    return {
      problem: `the broker does not allow it: ${message}`,
      hint: 'docs/kafka.md lists the rights that ckpt needs',
    };
  }
  if (type.startsWith('NOT_ENOUGH_REPLICAS')) {
    return { problem: `too few replicas are in sync: ${message}`, hint: 'bring the missing brokers back' };
  }
  return { problem: message };
}
