// SPDX-License-Identifier: Apache-2.0
//
// ESLint, Prettier, clang-format, the type checker and the rooms check. Prints `lint: N passed, N failed`.
//   node scripts/lint.mjs --fix   repairs what can be repaired by machine
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { capture, installed, isMain, main, root, run } from './lib/run.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);

/** C and C++ files that clang-format governs; the kernel has its own style. */
function nativeFiles() {
  const listed = capture('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.cc', '*.h', '*.c']);
  return listed.stdout
    .split('\0')
    .filter(
      (file) => file && !file.startsWith('kernel/') && !file.includes('generated') && existsSync(join(root, file)),
    );
}

export async function lint(fix = false) {
  const checks = [
    ['ESLint', bin('eslint'), fix ? ['--fix', '.'] : ['.']],
    ['Prettier', bin('prettier'), fix ? ['--write', '--log-level', 'warn', '.'] : ['--check', '.']],
    ['types', bin('tsc'), ['-p', 'tsconfig.test.json']],
    ['rooms', process.execPath, [join(root, 'scripts', 'check-rooms.mjs')]],
  ];
  const native = nativeFiles();
  if (native.length && installed('clang-format')) {
    checks.push([
      'clang-format',
      'clang-format',
      [...(fix ? ['-i'] : ['--dry-run', '-Werror', '--ferror-limit=10']), ...native],
    ]);
  }
  const result = { passed: 0, failed: 0, skipped: 0 };
  for (const [title, command, args] of checks) {
    const code = await run(command, args);
    process.stdout.write(`lint: ${title} ${code === 0 ? 'passed' : 'FAILED'}\n`);
    if (code === 0) result.passed++;
    else result.failed++;
  }
  if (native.length && !installed('clang-format')) {
    process.stdout.write('lint: clang-format SKIPPED: it is not installed (Debian package clang-format)\n');
    result.skipped++;
  }
  return result;
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { passed, failed, skipped } = await lint(process.argv.includes('--fix'));
    const missing = process.env.CI === 'true' ? skipped : 0;
    process.stdout.write(
      `lint: ${passed} passed, ${failed + missing} failed${skipped ? `, ${skipped} skipped` : ''}\n`,
    );
    return failed + missing ? 1 : 0;
  });
}
