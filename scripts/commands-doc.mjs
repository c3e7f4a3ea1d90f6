/**
 * @file Writes docs/commands.md from what `prenorm COMMAND --help` says: `node scripts/commands-doc.mjs [--check]`; with
 * `--check` it writes nothing and fails when the document is stale.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = join(root, 'docs/commands.md');
const help = (...command) =>
  execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), ...command, '--help'], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', COLUMNS: '80' },
  }).trimEnd();

/** Names in the list of commands stand at its margin; what a line goes on with is indented. */
const namesIn = (text) =>
  [...(text.split(/^Commands:\n/m)[1] ?? '').matchAll(/^ {2}(\w+)/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'help');
const sections = namesIn(help()).flatMap((name) => {
  const own = help(name);
  const parts = namesIn(own.split('\n\n').find((part) => part.startsWith('Commands:')) ?? '');
  return [[name, own], ...parts.map((part) => [`${name} ${part}`, help(name, part)])].map(
    ([title, text]) => `## \`prenorm ${title}\`\n\n\`\`\`text\n${text}\n\`\`\``,
  );
});
const text = `<!-- Generated from the commands' own help by \`node scripts/commands-doc.mjs\`. Do not edit. -->
# Commands

Where a command takes a \`run\`, that is the folder that \`fit\` or \`train\` wrote, a model file, or a checkpoint. What each is
for, with examples: [training.md](training.md). Exit codes: 0 done; 1 a claim or check failed, or a training diverged; 2 bad
usage or input, with one line that says what and how to mend it; interrupted: 130 by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.

${sections.join('\n\n')}
`;
if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (readFileSync(path, 'utf8') !== text) {
  console.error('docs/commands.md is stale: run `node scripts/commands-doc.mjs`');
  process.exitCode = 1;
}
