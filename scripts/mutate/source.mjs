/**
 * @file `npm run mutate -- --src [FOLDER…] [--file FILE…] [--minutes N] [--seconds N] [--out DIR] [--compiler] [--gate REF]`:
 * how many small faults in src/ the tests notice. Resumable: what DIR holds is gone on with. Writes DIR/table.md and
 * DIR/survivors.md. `--gate REF`: the sources that have changed since REF, in so many minutes; exit code 1 if a mutant of
 * theirs in a folder that computes or keeps what users rely on comes through all its tests and is not on the list.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { carryOut } from './campaign.mjs';
import { refusedByCompiler } from './compiler.mjs';
import { sourcesIn } from './mutants.mjs';
import { heldEqual, scoreOf, survivorsOf, tableOf } from './report.mjs';

const FOLDERS = 'runtime tensor autograd nn optim data text generate train io recipe worker cli'.split(' ');
/** Nothing may come through in these unseen. */
const GUARDED = ['optim', 'train', 'io', 'autograd'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    src: { type: 'boolean' },
    file: { type: 'string', multiple: true },
    minutes: { type: 'string', default: '600' },
    seconds: { type: 'string', default: '20' },
    nearest: { type: 'string' },
    out: { type: 'string', default: 'runs/mutate' },
    compiler: { type: 'boolean' },
    gate: { type: 'string' },
  },
});
const root = resolve(import.meta.dirname, '../..');
process.chdir(root);
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes takes a number greater than 0, not ${values.minutes}`);
const wanted = positionals.length > 0 ? positionals : FOLDERS;
for (const folder of wanted)
  if (!existsSync(join('src', folder))) throw new Error(`src has no folder ${folder}`);

const all = wanted.flatMap((folder) => sourcesIn(root, folder));
const sources = chosen();
if (sources.length === 0) {
  console.log('no source of these folders has changed: nothing to try');
  process.exit(0);
}
const began = Date.now();
const until = began + minutes * 60_000;
let said = 0;
const told = (text) => {
  if (Date.now() - said < (process.stderr.isTTY ? 200 : 20_000)) return;
  said = Date.now();
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
};
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const out = resolve(values.out);
const results = await carryOut({
  root,
  out,
  sources,
  until,
  lanes: cpus().length,
  seconds: Number(values.seconds),
  nearest: values.nearest === undefined ? undefined : Number(values.nearest),
  told,
});
const why = heldEqual(join(import.meta.dirname, 'held-equal.json'));
for (const result of results) if (result.outcome !== 'killed' && why(result.mutant)) result.outcome = 'held';
const open = () => results.filter(({ outcome }) => outcome === 'survived' || outcome === 'uncovered');
if (values.compiler || values.gate) {
  const scratch = join(out, 'types');
  const refused = await refusedByCompiler(
    root,
    scratch,
    open().map(({ mutant }) => mutant),
    { until: Math.max(until, Date.now() + 600_000), told },
  );
  for (const result of open()) if (refused.has(result.mutant.key)) result.outcome = 'refused';
  rmSync(scratch, { recursive: true, force: true });
}
rmSync(join(out, 'sandbox'), { recursive: true, force: true });
const table = tableOf(results);
writeFileSync(join(out, 'table.md'), `${table}\n`);
writeFileSync(join(out, 'survivors.md'), survivorsOf(results));
console.log(`${table}\n`);
const { noticed, tried } = scoreOf(results);
console.log(
  `${noticed} of ${tried} mutants noticed, ${((Date.now() - began) / 60_000).toFixed(1)} min; survivors: ${join(values.out, 'survivors.md')}`,
);
if (values.gate) {
  const guarded = open().filter(({ mutant }) => GUARDED.includes(mutant.file.split('/')[1]));
  if (guarded.length > 0) {
    console.log(
      `\nno test notices these, and they are not on scripts/mutate/held-equal.json:\n\n${survivorsOf(guarded)}`,
    );
    process.exitCode = 1;
  }
}

/** Of the folders: all, the named files, or those that have changed. */
function chosen() {
  if (values.file) return all.filter((file) => values.file?.some((part) => file.includes(part)));
  if (!values.gate) return all;
  const { status, stdout, stderr } = spawnSync('git', ['diff', '--name-only', values.gate, '--', 'src'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`git does not know ${values.gate}: ${stderr}`);
  const changed = new Set(stdout.split('\n'));
  return all.filter((file) => changed.has(file));
}
