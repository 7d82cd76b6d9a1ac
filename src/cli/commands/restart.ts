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
        throw options.detach || usage ? error : new CommandFailure(error, RESTART_FAILED);
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
