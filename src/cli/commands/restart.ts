// SPDX-License-Identifier: Apache-2.0
import { isatty } from 'node:tty';
import { Command, Option } from 'commander';
import { CkptError } from '../../format/errors.js';
import type { Ckpt, RestartedTask } from '../../ckpt.js';
import { CommandFailure, RESTART_FAILED } from '../exit-code.js';
import { contextOf, type Context } from '../context.js';

interface RestartOptions {
  readonly detach?: boolean;
  readonly samePid?: boolean;
  readonly lazy?: boolean;
  readonly ignoreCpu?: boolean;
  readonly via?: 'kernel' | 'user';
  readonly copies?: number;
  readonly stopped?: boolean;
}

export function restartCommand(): Command {
  return new Command('restart')
    .description('make a task run again; stays its parent and passes its exit status on (own failures: 125)')
    .argument('<id>', 'checkpoint')
    .option(
      '-d, --detach',
      'leave the task running and print its pid; descriptors 0 to 2 reopen as recorded or are /dev/null',
    )
    .option('--same-pid', 'insist on the recorded pid')
    .option('--lazy', 'fill pages when they are first touched')
    .option('--stopped', 'leave it stopped, all made ready: SIGCONT lets it run')
    .addOption(
      new Option('--copies <n>', 'so many tasks at once, detached, each with a new pid; prints their pids').argParser(
        copyCount,
      ),
    )
    .option('--ignore-cpu', 'restart although this processor lacks features that were there at the checkpoint')
    .addOption(
      new Option(
        '--via <how>',
        'sys_restart of a patched kernel, or its twin in user space (default: the call where the kernel has it)',
      ).choices(['kernel', 'user']),
    )
    .action(async (id: string, options: RestartOptions, command: Command) => {
      const context = contextOf(command);
      try {
        process.exitCode = await context.withStore('read', (ckpt) => restart(id, options, context, ckpt));
      } catch (error) {
        const usage = error instanceof CkptError && error.kind === 'usage';
        throw options.detach || options.copies !== undefined || usage
          ? error
          : new CommandFailure(error, RESTART_FAILED);
      }
    });
}

async function restart(id: string, options: RestartOptions, context: Context, ckpt: Ckpt): Promise<number> {
  if (options.lazy && options.via === 'kernel')
    throw new CkptError(
      'usage',
      '--lazy and --via kernel do not go together',
      'sys_restart takes the whole image first',
    );
  const row = await ckpt.find(id);
  if (options.copies !== undefined) return copies(row.id, options.copies, options, context, ckpt);
  const detach = options.detach ?? false;
  const forwarding = detach ? undefined : new SignalForwarding();
  const progress = context.progress('restarting', row.image_bytes);
  const task = await ckpt
    .restart(row.id, {
      detach,
      samePid: options.samePid ?? false,
      ignoreCpu: options.ignoreCpu ?? false,
      lazy: options.lazy ?? false,
      ...(options.via ? { via: options.via } : {}),
      stopped: options.stopped ?? false,
      onProgress: (bytes) => progress.update(bytes),
      onWarning: (text) => context.warn(text),
      onPager: ({ text }) => {
        if (text !== undefined) context.warn(text);
      },
    })
    .finally(() => progress.done());
  if (context.json) context.printJson({ id: row.id, pid: task.pid });
  else if (detach) context.print(String(task.pid));
  forwarding?.to(task);
  const outcome = await task.outcome;
  return detach ? 0 : outcome.status;
}

function copyCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new CkptError('usage', `--copies '${text}': a number of tasks is wanted, 1 or more`);
}

/** Tasks that are being made at a time: each keeps a processor busy, and waits for the log a little. */
const COPIES_AT_ONCE = 4;

async function copies(
  id: string,
  count: number,
  options: RestartOptions,
  context: Context,
  ckpt: Ckpt,
): Promise<number> {
  if (options.samePid)
    throw new CkptError('usage', '--copies and --same-pid exclude each other: every copy has its own pid');
  const pids: number[] = [];
  let left = count;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left--;
      const { pid, outcome } = await ckpt
        .restart(id, {
          detach: true,
          newPid: true,
          warm: true,
          ignoreCpu: options.ignoreCpu ?? false,
          lazy: options.lazy ?? false,
          stopped: options.stopped ?? false,
          onWarning: (text) => context.warn(text),
        })
        .catch((error: unknown) => {
          left = 0; // what stands in the way of one stands in the way of all
          throw error;
        });
      await outcome; // its restarter has let go of it
      pids.push(pid);
      if (!context.json) context.print(String(pid));
    }
  };
  const works = await Promise.allSettled(Array.from({ length: COPIES_AT_ONCE }, work));
  if (context.json) context.printJson({ id, pids });
  for (const end of works) if (end.status === 'rejected') throw end.reason;
  return 0;
}

/**
 * Signals that end or poke a program are the task's; we stay to pass its status on. Listens from now on: what comes before the task
 * runs is passed on as soon as it does.
 */
class SignalForwarding {
  #task: RestartedTask | undefined;
  readonly #early: NodeJS.Signals[] = [];

  constructor() {
    for (const name of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(name, () => this.#pass(name));
    // A terminal sends these to its whole job, the task included: passed on, they would arrive twice.
    const fromTerminal = [0, 1, 2].some((fd) => isatty(fd));
    for (const name of ['SIGINT', 'SIGQUIT'] as const) {
      process.on(name, () => {
        if (!fromTerminal) this.#pass(name);
      });
    }
  }

  #pass(name: NodeJS.Signals): void {
    if (this.#task) this.#task.signal(name);
    else this.#early.push(name);
  }

  to(task: RestartedTask): void {
    this.#task = task;
    for (const name of this.#early.splice(0)) task.signal(name);
  }
}
