// SPDX-License-Identifier: Apache-2.0
//
// A plain picture of a commander command tree, for what is made from the commands: man pages and shell completions.

/** What an argument's name says about its values. */
const kinds = {
  ...{ PID: 'pid', FILE: 'file', DIR: 'directory', QUERY: 'text', NAME: 'text' },
  ...{ ID: 'checkpoint', A: 'checkpoint', B: 'checkpoint' },
};

function kindOf(name) {
  return kinds[name.replace(/[^A-Za-z].*$/, '').toUpperCase()] ?? 'text';
}

function option(o) {
  const value = /[<[]([^>\]]+)[>\]]/.exec(o.flags)?.[1];
  return {
    flags: o.flags,
    short: o.short,
    long: o.long,
    description: o.description,
    takesValue: o.required || o.optional,
    kind: value ? kindOf(value) : undefined,
    choices: o.argChoices ?? [],
    default: o.defaultValueDescription ?? o.defaultValue,
  };
}

/** Text that was added after the standard help: examples and notes. */
function notes(command) {
  let all = '';
  const before = command.configureOutput();
  command.configureOutput({ ...before, writeOut: (text) => (all += text), getOutHelpWidth: () => 10_000 });
  command.outputHelp();
  const standard = command.helpInformation();
  command.configureOutput(before);
  return all.startsWith(standard) ? all.slice(standard.length).trim() : '';
}

/** { name, path, summary, description, usage, arguments, options, commands, notes } of a commander Command. */
export function describe(command, parents = []) {
  const path = [...parents, command.name()];
  const visible = command.createHelp();
  return {
    name: command.name(),
    path,
    aliases: command.aliases(),
    summary: command.summary() || command.description().split('\n')[0],
    description: command.description(),
    usage: command.usage(),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
      required: argument.required,
      variadic: argument.variadic,
      kind: kindOf(argument.name()),
      choices: argument.argChoices ?? [],
    })),
    options: visible
      .visibleOptions(command)
      .filter((o) => o.long !== '--help')
      .map(option),
    commands: visible
      .visibleCommands(command)
      .filter((c) => c.name() !== 'help')
      .map((c) => describe(c, path)),
    notes: notes(command),
  };
}
