/** @file Commands as one types them. */

/** The command with these arguments, for a POSIX shell. */
export function commandLine(args: readonly string[]): string {
  return ['npx', 'prenorm', ...args].map(quoted).join(' ');
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
