// SPDX-License-Identifier: Apache-2.0
//
// Shell completions for bash, zsh and fish from a described command tree. Checkpoints are asked of `ckpt ls` when the
// user completes one.

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const banner = '# Made from the commands of ckpt by scripts/man.mjs.';
const names = (o) => [o.short, o.long].filter(Boolean);
const words = (list) => list.join(' ');

/** Shell that prints ids and names of the sealed checkpoints, one a line; `settings` is the shell's list of options and values. */
const checkpoints = (settings) =>
  `ckpt ${settings} ls --json 2>/dev/null | grep -oE '"(id|name)": *"[^"]*"' | cut -d'"' -f4`;

/** The options of all commands that have a value say which store is meant: what is offered is out of that one. */
const settingsOf = (tree) => tree.options.filter((o) => o.takesValue);
const settingNames = (tree) => settingsOf(tree).flatMap(names);

function bashValue(kind, choices) {
  if (choices.length) return `COMPREPLY=($(compgen -W ${quote(words(choices))} -- "$cur"))`;
  switch (kind) {
    case 'file':
      return 'COMPREPLY=($(compgen -f -- "$cur"))';
    case 'directory':
      return 'COMPREPLY=($(compgen -d -- "$cur"))';
    case 'pid':
      return `COMPREPLY=($(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur"))`;
    case 'checkpoint':
      return '_ckpt_offer "$cur" < <(echo @last; _ckpt_checkpoints)';
    default:
      return 'COMPREPLY=()';
  }
}

export function bash(tree) {
  const commands = tree.commands.map((command) => {
    const options = [...tree.options, ...command.options];
    const values = options
      .filter((o) => o.takesValue)
      .map((o) => `        ${names(o).join('|')}) ${bashValue(o.kind, o.choices)}; return ;;`);
    const argument = command.arguments[0];
    return [
      `    ${[command.name, ...command.aliases].join('|')})`,
      ...(values.length ? ['      case $prev in', ...values, '      esac'] : []),
      `      if [[ $cur == -* ]]; then`,
      `        COMPREPLY=($(compgen -W ${quote(words([...options.flatMap(names), '--help']))} -- "$cur"))`,
      '      else',
      `        ${argument ? bashValue(argument.kind, argument.choices) : ':'}`,
      '      fi ;;',
    ].join('\n');
  });
  return `${banner}
_ckpt_checkpoints() {
  ${checkpoints('"${settings[@]}"')}
}

# Offers the lines that begin as the word does. A checkpoint's name may be anybody's, and compgen -W would run what is in it.
_ckpt_offer() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == "$1"* ]] && COMPREPLY+=("$line")
  done
}

_ckpt_complete() {
  local command=$1 cur=$2 prev=$3
  case $command in
${commands.join('\n')}
    *)
      case $prev in
${settingsOf(tree)
  .map((o) => `        ${names(o).join('|')}) ${bashValue(o.kind, o.choices)}; return ;;`)
  .join('\n')}
      esac
      COMPREPLY=($(compgen -W ${quote(words([...tree.commands.map((c) => c.name), ...tree.options.flatMap(names), '--help']))} -- "$cur")) ;;
  esac
}

_ckpt() {
  local word command= index settings=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case $word in
      # Also behind the command.
      ${settingNames(tree).join('|')})
        settings+=("$word" "\${COMP_WORDS[index + 1]/#\\~/$HOME}")
        ((index++)) ;;
      -*) ;;
      *) [[ $command ]] || command=$word ;;
    esac
  done
  _ckpt_complete "$command" "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
}

_ckpt_ingest() {
  local settings=()
  _ckpt_complete ingest "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
}

complete -o filenames -F _ckpt ckpt
complete -o filenames -F _ckpt_ingest ckpt-ingest
`;
}

function zshValue(kind, choices) {
  if (choices.length) return `(${words(choices)})`;
  const actions = { file: '_files', directory: '_files -/', pid: '_pids', checkpoint: '_ckpt_checkpoints' };
  return actions[kind] ?? ' ';
}

/** Text inside an _arguments specification, whose own signs are brackets and colons. */
const zshText = (text) => text.split('\n')[0].replace(/[[\]:\\]/g, (sign) => `\\${sign}`);

function zshOption(o) {
  const value = o.takesValue ? `:value:${zshValue(o.kind, o.choices)}` : '';
  return names(o).map((name) => quote(`${name}[${zshText(o.description)}]${value}`));
}

export function zsh(tree) {
  const commands = tree.commands.map((command) => {
    const specifications = [
      ...[...tree.options, ...command.options].flatMap(zshOption),
      ...command.arguments.map((a) =>
        quote(`${a.variadic ? '*' : ''}:${zshText(a.name)}:${zshValue(a.kind, a.choices)}`),
      ),
    ];
    return `    ${[command.name, ...command.aliases].join('|')}) _arguments ${specifications.join(' ')} ;;`;
  });
  return `#compdef ckpt ckpt-ingest
${banner}
_ckpt_checkpoints() {
  local -a found
  found=(@last \${(f)"$(${checkpoints('$settings')})"})
  compadd -a found
}

_ckpt_command() {
  case $1 in
${commands.join('\n')}
  esac
}

_ckpt() {
  if [[ $service == ckpt-ingest ]]; then
    _ckpt_command ingest
    return
  fi
  local state line
  local -a commands settings
  local -i at
  for ((at = 2; at + 1 < CURRENT; at++)); do
    case $words[at] in
      ${settingNames(tree).join('|')}) settings+=($words[at] "\${\${(Q)words[++at]}/#\\~/$HOME}") ;;
    esac
  done
  commands=(
${tree.commands.map((c) => `    ${quote(`${c.name}:${zshText(c.summary)}`)}`).join('\n')}
  )
  _arguments -C -A '-*' ${tree.options.flatMap(zshOption).join(' ')} '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest) _ckpt_command $line[1] ;;
  esac
}

_ckpt "$@"
`;
}

function fishValue(kind, choices) {
  if (choices.length) return `-x -a ${quote(words(choices))}`;
  const values = {
    directory: "-x -a '(__fish_complete_directories)'",
    pid: "-x -a '(__fish_complete_pids)'",
    checkpoint: "-x -a '(__ckpt_checkpoints)'",
  };
  return kind === 'file' ? '-r -F' : (values[kind] ?? '-x');
}

function fishOption(o, condition) {
  const flags = [o.long && `-l ${o.long.slice(2)}`, o.short && `-s ${o.short.slice(1)}`].filter(Boolean).join(' ');
  const value = o.takesValue ? ` ${fishValue(o.kind, o.choices)}` : '';
  return `complete -c ckpt${condition} ${flags}${value} -d ${quote(o.description.split('\n')[0])}`;
}

export function fish(tree) {
  const lines = tree.options.map((o) => fishOption(o, ''));
  for (const command of tree.commands) {
    const condition = ` -n '__fish_seen_subcommand_from ${[command.name, ...command.aliases].join(' ')}'`;
    lines.push(`complete -c ckpt -n __fish_use_subcommand -f -a ${command.name} -d ${quote(command.summary)}`);
    lines.push(...command.options.map((o) => fishOption(o, condition)));
    const argument = command.arguments[0];
    if (argument && (argument.choices.length || argument.kind !== 'text')) {
      lines.push(`complete -c ckpt${condition} ${fishValue(argument.kind, argument.choices)}`);
    }
  }
  return `${banner}
function __ckpt_checkpoints
  set -l words (commandline -opc)
  set -l settings
  set -l at 2
  while test $at -lt (count $words)
    if contains -- $words[$at] ${words(settingNames(tree))}
      set -a settings $words[$at] (string replace -r '^~' $HOME -- $words[(math $at + 1)])
      set at (math $at + 1)
    end
    set at (math $at + 1)
  end
  echo @last
  ${checkpoints('$settings')}
end

${lines.join('\n')}
complete -c ckpt-ingest -w 'ckpt ingest'
`;
}
