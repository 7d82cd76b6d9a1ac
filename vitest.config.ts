// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';

// Test machines are small and slow, and several suites run real processes of hundreds of megabytes: few at a time, and patience.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Own suites of scripts/test.mjs, which runs them alone: they install packages, or want a broker.
    exclude: [
      ...(process.env['CKPT_TEST_PACKAGE'] ? [] : ['test/package/**']),
      ...(process.env['CKPT_TEST_KAFKA'] ? [] : ['test/kafka/**']),
    ],
    globalSetup: process.env['CKPT_TEST_KAFKA'] ? ['test/kafka/support/broker.ts'] : [],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
  },
});
