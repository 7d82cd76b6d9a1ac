// SPDX-License-Identifier: Apache-2.0
//
// Man pages in roff (man(7)) from a described command.

/** Text of one roff line: nothing in it is taken for a request or an escape. */
function plain(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}

function paragraph(text) {
  return text.split('\n').map((line) => plain(line.trim()) || '.PP');
}

/** Words in capitals inside flags and arguments are what the reader replaces. */
function flagLine(flags) {
  return plain(flags)
    .replace(/(<[^>]+>|\[[^\]]+\])/g, '\\fI$1\\fB')
    .replace(/^/, '\\fB')
    .replace(/$/, '\\fR');
}

/** Descriptions are phrases in --help; a man page wants sentences. */
function sentence(text) {
  // A name such as sys_restart stays as it is written.
  const first = /^\w*_/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

function optionParagraphs(options) {
  return options.flatMap((o) => {
    const extras = [];
    if (o.choices.length) extras.push(`One of: ${o.choices.join(', ')}.`);
    if (o.default !== undefined && o.default !== false) extras.push(`Default: ${o.default}.`);
    return ['.TP', flagLine(o.flags), ...paragraph([sentence(o.description), ...extras].join('\n'))];
  });
}

/** What holds for every command, and is written nowhere else in the command tree. */
const common = {
  'EXIT STATUS': [
    ['0', 'done'],
    ['1', 'failed'],
    ['2', 'the command line or the configuration is wrong'],
    ['3', 'no such checkpoint'],
    ['4', 'the image or the store is damaged or invalid'],
    ['5', 'this machine cannot do it: no privilege, kernel, CPU feature, or unsupported state'],
    ['125', 'restart itself failed; otherwise it ends as its task does'],
    ['130', 'interrupted'],
  ],
  ENVIRONMENT: [
    ['CKPT_STORE', 'directory of the store, as \\-\\-store'],
    ['CKPT_LOG', 'the log, as \\-\\-log'],
    ['CKPT_CONFIG', 'the config file, as \\-\\-config'],
    ['CKPT_LEVEL, CKPT_THREADS', 'zstd level of new packs; threads that hash and compress'],
    ['CKPT_PAGE_HASH', 'what a log that is made knows its pages by: blake3 (the default) or sha256'],
    ['NO_COLOR', 'no colours when set'],
    ['XDG_DATA_HOME, XDG_CONFIG_HOME', 'where the default store and config file are'],
  ],
  FILES: [
    ['$XDG_DATA_HOME/ckpt', 'the default store: catalog.db, log.db and packs/'],
    ['$XDG_CONFIG_HOME/ckpt/config.json', 'settings; the environment and flags go before it'],
  ],
};

function section(title, lines) {
  return lines.length ? [`.SH ${title}`, ...lines] : [];
}

/** One page: ckpt.1 for the root (with its commands), ckpt-NAME.1 for a command. */
export function manPage(command, version, siblings) {
  const name = command.path.join('-');
  const isRoot = command.path.length === 1;
  const seeAlso = siblings.map((c) => `.BR ${c.path.join('\\-')} (1)`);
  // The root's exit codes have a section of their own.
  const notes = command.notes
    .split('\n\n')
    .filter((text) => !text.startsWith('Exit codes'))
    .join('\n\n');
  const examples = notes
    ? [
        '.nf',
        ...notes
          .replace(/^Examples?:\n/, '')
          .split('\n')
          .map(plain),
        '.fi',
      ]
    : [];
  const tables = Object.entries(common).flatMap(([title, rows]) =>
    section(
      title,
      rows.flatMap(([term, words]) => ['.TP', `.B ${term}`, words]),
    ),
  );
  return [
    `.\\" Made from the commands of ckpt by scripts/man.mjs.`,
    `.TH ${name.toUpperCase().replaceAll('-', '\\-')} 1 "" "ckpt ${version}" "User Commands"`,
    ...section('NAME', [`${plain(name)} \\- ${plain(command.summary)}`]),
    ...section('SYNOPSIS', [`.B ${plain(command.path.join(' '))}`, plain(command.usage)]),
    ...section('DESCRIPTION', paragraph(sentence(command.description))),
    ...section(
      'COMMANDS',
      command.commands.flatMap((c) => ['.TP', `.BR ${c.path.join('\\-')} (1)`, plain(c.summary)]),
    ),
    ...section(
      'ARGUMENTS',
      command.arguments
        .filter((a) => a.description)
        .flatMap((a) => ['.TP', `.I ${plain(a.name)}`, ...paragraph(sentence(a.description))]),
    ),
    ...section('OPTIONS', optionParagraphs(command.options)),
    ...section(isRoot ? 'NOTES' : 'EXAMPLES', examples),
    ...(isRoot ? tables : section('EXIT STATUS', ['As in', '.BR ckpt (1).'])),
    ...section(
      'SEE ALSO',
      seeAlso.map((line, index) => (index < seeAlso.length - 1 ? `${line} ,` : line)),
    ),
    '',
  ].join('\n');
}
