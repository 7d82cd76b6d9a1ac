// SPDX-License-Identifier: Apache-2.0
//
// npm test: sets up what is missing, then runs every suite, one after the other, and closes with one line over all of them:
// `N passed, N failed`. Under CI=true a skipped test counts as failed.
//   npm test -- --only NAME[,NAME]   only these suites
//   npm test -- --list               names them
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { lint } from './lint.mjs';
import { jarsDir, KAFKA_VERSION, KAFKA_VERSION_BEFORE, KAFKA_VERSION_NEXT } from './kafka/jars.mjs';
import { Failure, capture, installed, main, root, run } from './lib/run.mjs';
import { buildEnvironment } from './lib/toolchain.mjs';
import { setup } from './setup.mjs';

/** Sanitizers that the native unit tests run under, one after the other. */
const sanitizers = ['address,undefined', 'thread'];

const none = { passed: 0, failed: 0, skipped: 0 };

/** What failed, said again at the end: the output above it is long. */
const failures = [];

/** A command that is one test. */
async function single(command, args, options) {
  return (await run(command, args, options)) === 0 ? { ...none, passed: 1 } : { ...none, failed: 1 };
}

/** A command that closes with a line `N passed, N failed`; without one, its exit code is one test. */
async function counting(command, args, options) {
  const chunks = [];
  const { spawn } = await import('node:child_process');
  const code = await new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], ...options });
    child.stdout.on('data', (chunk) => {
      chunks.push(chunk);
      process.stdout.write(chunk);
    });
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 128));
  });
  const result = { ...none };
  const output = Buffer.concat(chunks).toString();
  for (const [, passed, failed] of output.matchAll(/^.*?(\d+) passed, (\d+) failed/gm)) {
    result.passed += Number(passed);
    result.failed += Number(failed);
  }
  for (const [line] of output.matchAll(/^(not ok|.*\bFAILED\b).*$/gm)) failures.push(line);
  if (result.passed + result.failed === 0) result[code === 0 ? 'passed' : 'failed']++;
  else if (code !== 0 && result.failed === 0) result.failed++;
  return result;
}

/** Vitest over the files that match, counted from its own report. */
async function vitest(paths, env = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'ckpt-vitest-'));
  const report = join(dir, 'report.json');
  try {
    const args = [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...paths,
    ];
    const code = await run(process.execPath, args, { env: { ...process.env, ...env } });
    if (!existsSync(report)) return { ...none, failed: 1 };
    const counted = JSON.parse(readFileSync(report, 'utf8'));
    const result = {
      passed: counted.numPassedTests,
      failed: counted.numFailedTests,
      skipped: counted.numPendingTests + counted.numTodoTests,
    };
    // A file that could not be loaded has no tests to fail.
    const brokenFiles = counted.testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.length === 0,
    );
    result.failed += brokenFiles.length;
    for (const file of counted.testResults) {
      const name = relative(root, file.name);
      if (brokenFiles.includes(file)) failures.push(`${name}: ${file.message}`);
      for (const test of file.assertionResults.filter(({ status }) => status === 'failed')) {
        failures.push(`${name}: ${test.fullName}\n${test.failureMessages.join('\n')}`);
      }
    }
    if (code !== 0 && result.failed === 0) result.failed++;
    return result;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The codec's unit tests, which need a libcrypto to link with: the node binary's own is only for the addon. */
async function native() {
  if (!existsSync('/usr/include/openssl/evp.h')) {
    process.stdout.write('native: SKIPPED: headers of libcrypto are missing (Debian package libssl-dev)\n');
    return { ...none, skipped: 1 };
  }
  const total = { ...none };
  for (const sanitizer of sanitizers) {
    const result = await counting('make', ['--no-print-directory', '-j2', '-C', 'native', 'test', `SAN=${sanitizer}`]);
    for (const key of Object.keys(total)) total[key] += result[key];
  }
  return total;
}

/** What runs against the next Kafka too: what asks most of how a broker speaks. */
const kafkaAgain = ['contract', 'store', 'kcat', 'log-command', 'projection', 'security', 'torn'].map(
  (name) => `test/kafka/${name}.test.ts`,
);

/**
 * The log on Kafka against real brokers, which Maven brings when they are not in the cache yet: everything on one version, and once
 * more on the next. CKPT_TEST_KAFKA names the one version, or HOST:PORT of a broker, to run everything against.
 */
async function kafka() {
  const wanted = process.env.CKPT_TEST_KAFKA || '';
  const versions = /^\d+\./.test(wanted) ? [wanted] : [KAFKA_VERSION, KAFKA_VERSION_NEXT];
  const cached = [...versions, KAFKA_VERSION_BEFORE].every((version) => existsSync(jarsDir(version)));
  const missing = ['java', ...(cached ? [] : ['mvn'])].filter((command) => !installed(command));
  if (missing.length) {
    process.stdout.write(
      `kafka: SKIPPED: ${missing.join(' and ')} missing (Debian packages default-jre-headless, maven)\n`,
    );
    return { ...none, skipped: 1 };
  }
  if (!installed('kcat')) process.stdout.write('kafka: kcat is missing (Debian package kcat): its tests are skipped\n');
  if (wanted.includes(':')) return vitest(['test/kafka/'], { CKPT_TEST_KAFKA: wanted });
  const total = { ...none };
  for (const [index, version] of versions.entries()) {
    process.stdout.write(`kafka: Apache Kafka ${version}\n`);
    const result = await vitest(index === 0 ? ['test/kafka/'] : kafkaAgain, { CKPT_TEST_KAFKA: version });
    for (const key of Object.keys(total)) total[key] += result[key];
  }
  return total;
}

/** The system calls in a guest; the kernels are built when the cache has none for these sources. */
async function kernel() {
  const check = capture('sh', [join(root, 'kernel/setup.sh'), '--check']);
  if (check.status !== 0) {
    const missing = check.stdout.trim() || 'packages';
    process.stdout.write(`kernel: SKIPPED: ${missing} missing (Debian 12; kernel/setup.sh as root installs them)\n`);
    return { ...none, skipped: 1 };
  }
  return counting(process.execPath, [join(root, 'kernel/test.mjs')]);
}

/** Every suite, in the order in which they run: the quick ones first. */
const suites = [
  ['generated', () => single(process.execPath, ['format/generate.mjs', '--check'])],
  ['lint', () => lint()],
  ['native', native],
  ['vitest', () => vitest([])],
  ['kafka', kafka],
  ['kernel', kernel],
  ['package', () => vitest(['test/package/'], { ...buildEnvironment(), CKPT_TEST_PACKAGE: '1' })],
];

await main(async () => {
  const args = process.argv.slice(2);
  if (args.includes('--list')) {
    for (const [name] of suites) process.stdout.write(`${name}\n`);
    return 0;
  }
  const only = args[0] === '--only' ? (args[1] ?? '').split(',') : undefined;
  if (args.length && !only) throw new Failure('usage: npm test -- [--list | --only NAME[,NAME]]');
  const unknown = only?.filter((name) => !suites.some(([suite]) => suite === name)) ?? [];
  if (unknown.length) throw new Failure(`no such suite: ${unknown.join(', ')} (npm test -- --list names them)`);
  const strict = process.env.CI === 'true';

  await setup();
  const total = { ...none };
  const lines = [];
  for (const [name, body] of suites) {
    if (only && !only.includes(name)) continue;
    process.stdout.write(`\n== ${name}\n`);
    const started = Date.now();
    let result;
    try {
      result = await body();
    } catch (error) {
      process.stdout.write(`${error.stack}\n`);
      result = { ...none, failed: 1 };
    }
    if (strict) result = { ...result, failed: result.failed + result.skipped };
    for (const key of Object.keys(total)) total[key] += result[key];
    const skipped = result.skipped ? `, ${result.skipped} skipped` : '';
    const seconds = ((Date.now() - started) / 1000).toFixed(0);
    lines.push(`${name.padEnd(10)} ${result.passed} passed, ${result.failed} failed${skipped} (${seconds} s)`);
  }
  for (const failure of failures) process.stdout.write(`\nfailed: ${failure}\n`);
  process.stdout.write(`\n${lines.join('\n')}\n`);
  if (total.skipped) {
    process.stdout.write(
      `${total.skipped} skipped${strict ? ', counted as failed: this is CI' : ': see the words beside each above'}\n`,
    );
  }
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  return total.failed ? 1 : 0;
});
