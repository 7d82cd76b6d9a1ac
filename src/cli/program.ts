// SPDX-License-Identifier: Apache-2.0
//
// The command tree. Help, man pages and shell completions are all made from it.
import { Command, Option } from 'commander';
import { versionText } from '../version.js';
import { abortCommand } from './commands/abort.js';
import { coreCommand } from './commands/core.js';
import { diffCommand } from './commands/diff.js';
import { copyCommand } from './commands/copy.js';
import { digestCommand } from './commands/digest.js';
import { doctorCommand } from './commands/doctor.js';
import { exportCommand } from './commands/export.js';
import { gcCommand } from './commands/gc.js';
import { ingestCommand } from './commands/ingest.js';
import { keyCommand } from './commands/key.js';
import { logCommand } from './commands/log.js';
import { lsCommand } from './commands/ls.js';
import { pruneCommand } from './commands/prune.js';
import { mapCommand } from './commands/map.js';
import { rebuildCommand } from './commands/rebuild.js';
import { repairCommand } from './commands/repair.js';
import { restartCommand } from './commands/restart.js';
import { rmCommand } from './commands/rm.js';
import { saveCommand } from './commands/save.js';
import { serveCommand } from './commands/serve.js';
import { showCommand } from './commands/show.js';
import { sqlCommand } from './commands/sql.js';
import { statsCommand } from './commands/stats.js';
import { tagCommand } from './commands/tag.js';
import { tokenCommand } from './commands/token.js';
import { treeCommand } from './commands/tree.js';
import { verifyCommand } from './commands/verify.js';

const exitCodeHelp = `
Exit codes:
  0 done   1 failed   2 usage   3 no such checkpoint   4 image or store damaged or invalid
  5 this machine cannot do it   125 restart itself failed   130 or 143 interrupted

ID is a checkpoint's id, its name (the newest with that name), the beginning of its id, or @last.
Settings come from the config file, then the environment, then options; see ckpt doctor.`;

/** A fresh tree; parsing changes it, so each run needs its own. Usage errors are thrown as CommanderError. */
export function buildProgram(): Command {
  const program = new Command('ckpt')
    .description('Save running processes, keep their images, ask about them, and make them run again.')
    .version(versionText(), '-V, --version', 'print the versions of the program, the formats and the schemas')
    .addOption(new Option('--store <dir>', 'directory of the store').env('CKPT_STORE'))
    .addOption(new Option('--log <log>', 'embedded, or kafka://HOST:PORT[,HOST:PORT]/PREFIX').env('CKPT_LOG'))
    .addOption(
      new Option('--remote <url>', 'a service (ckpt serve) to work with in place of a store').env('CKPT_REMOTE'),
    )
    .addOption(
      new Option('--token-file <file>', 'file with its token; or CKPT_REMOTE_TOKEN').env('CKPT_REMOTE_TOKEN_FILE'),
    )
    .addOption(new Option('--config <file>', 'config file').env('CKPT_CONFIG'))
    .option('--json', 'machine-readable output')
    .option('-q, --quiet', 'no progress and no remarks on standard error')
    .addHelpText('after', exitCodeHelp)
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  const commands = [
    saveCommand(),
    restartCommand(),
    ingestCommand(),
    exportCommand(),
    coreCommand(),
    digestCommand(),
    lsCommand(),
    showCommand(),
    diffCommand(),
    treeCommand(),
    mapCommand(),
    statsCommand(),
    sqlCommand(),
    tagCommand(),
    rmCommand(),
    abortCommand(),
    pruneCommand(),
    gcCommand(),
    verifyCommand(),
    repairCommand(),
    copyCommand(),
    rebuildCommand(),
    logCommand(),
    keyCommand(),
    serveCommand(),
    tokenCommand(),
    doctorCommand(),
  ];
  for (const command of commands) program.addCommand(inherit(command, program));
  return program;
}

/** Settings of a parent for a command that was made on its own, and for its subcommands. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const sub of command.commands) inherit(sub, command);
  return command;
}
