// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { CkptError } from '../../format/errors.js';
import { checkMachine, requiredChecks } from '../../process/program.js';
import { versions } from '../../version.js';
import { defaultConfigPath } from '../config.js';
import { contextOf } from '../context.js';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('what works on this machine, with which privilege, and how to get the rest')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command);
      const checks = await checkMachine();
      const config = defaultConfigPath(process.env);
      if (context.json) context.printJson({ versions, settings: context.settings, checks });
      else {
        context.print(`ckpt     ${versions.ckpt}, node ${versions.node}\n`);
        context.print(
          `store    ${context.settings.store}${existsSync(context.settings.store) ? '' : ' (not there yet)'}, log ${context.settings.log}\n`,
        );
        context.print(`config   ${config}${existsSync(config) ? '' : ' (not there)'}\n\n`);
        for (const [name, { ok, detail, hint }] of Object.entries(checks)) {
          context.print(
            `${ok ? 'ok     ' : 'MISSING'}  ${name}${detail ? `: ${detail}` : ''}${!ok && hint ? `\n         -> ${hint}` : ''}\n`,
          );
        }
      }
      const missing = Object.entries(checks).filter(([name, check]) => !check.ok && requiredChecks.has(name));
      if (missing.length) {
        throw new CkptError(
          'unsupported',
          `save and restart do not work here: ${missing.map(([name]) => name).join(', ')} missing`,
        );
      }
    });
}
