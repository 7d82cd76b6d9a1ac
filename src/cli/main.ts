// SPDX-License-Identifier: Apache-2.0
//
// The program: runs one command and turns what it throws into one line and an exit code.
import { CommanderError } from 'commander';
import { CkptError } from '../format/errors.js';
import { CommandFailure, exitCodeOf, exitCodes } from './exit-code.js';
import { buildProgram } from './program.js';
import { toJson } from '../json.js';
import { visible } from './text.js';

/** One line: what, where, and what to do about it. */
function report(error: unknown, json: boolean, code: number): void {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof CkptError ? error.hint : undefined;
  const line = `ckpt: ${message}${hint === undefined ? '' : ` (${hint})`}`.replace(/\s*\n\s*/g, '; ');
  process.stderr.write(json ? `${toJson({ error: message, hint, exit: code })}\n` : `${visible(line)}\n`);
  if (process.env['CKPT_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
}

/** Runs a command line (without node and script) and resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // A reader that went away (| head) ends us as it would any filter, without a stack trace.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    report(new Error(`cannot write to standard output: ${error.message}`), asJson(), exitCodes.failed);
    process.exit(exitCodes.failed);
  });
  const program = buildProgram();
  const asJson = (): boolean => program.opts<{ json?: boolean }>().json ?? false;
  try {
    await program.parseAsync(args, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage; // it has said why already
    const { cause, code } = error instanceof CommandFailure ? error : { cause: error, code: exitCodeOf(error) };
    report(cause, asJson(), code);
    return code;
  }
}
