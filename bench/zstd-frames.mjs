// SPDX-License-Identifier: Apache-2.0
//
// zstd-napi from JavaScript against libzstd linked natively: the same 32 KiB frames, the same level, one thread each. It is
// why packs are compressed in native code.
import { createRequire } from 'node:module';
import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { capture } from '../scripts/lib/run.mjs';

const FRAME_BYTES = 32_768;
const require = createRequire(import.meta.url);

function compileNative(dir) {
  const zstd = dirname(require.resolve('zstd-napi/package.json'));
  const program = join(dir, 'zstd-frames');
  const args = ['-O2', '-std=c++17', `-I${join(zstd, 'deps', 'zstd', 'lib')}`, '-o', program];
  const source = join(import.meta.dirname, 'zstd-frames.cc');
  const done = capture('g++', [...args, source, join(zstd, 'build', 'Release', 'zstd.a'), '-lpthread']);
  return done.status === 0 ? program : undefined;
}

/** { javascript, native, ratio } in bytes per second; undefined where zstd-napi was not built. */
export function compareFrames(path, dir, bytes = 128 << 20, level = 1) {
  const program = compileNative(dir);
  if (!program) return undefined;
  const { Compressor } = require('zstd-napi');
  const input = Buffer.alloc(bytes);
  const fd = openSync(path, 'r');
  readSync(fd, input, 0, bytes, 0);
  closeSync(fd);
  const compressor = new Compressor();
  compressor.setParameters({ compressionLevel: level });
  const started = process.hrtime.bigint();
  for (let at = 0; at + FRAME_BYTES <= bytes; at += FRAME_BYTES)
    compressor.compress(input.subarray(at, at + FRAME_BYTES));
  const javascript = Number(process.hrtime.bigint() - started) / 1e9;
  const native = JSON.parse(capture(program, [path, String(bytes), String(level)]).stdout);
  return { javascript: bytes / javascript, native: bytes / native.seconds, ratio: bytes / native.bytes };
}
