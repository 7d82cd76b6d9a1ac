// SPDX-License-Identifier: Apache-2.0
//
// A thread of the query's process that does nothing but see its owner go: SQLite does not let go of the main thread before the
// query is done, and nobody would read the answer.
import { Socket } from 'node:net';

const owner = new Socket({ fd: 0, readable: true, writable: false });
const end = (): void => {
  process.kill(process.pid, 'SIGKILL');
};
owner.on('close', end).on('error', end).resume();
