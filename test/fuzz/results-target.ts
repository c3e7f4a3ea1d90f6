/** @file results.json that is nearly right: read, drawn, judged again, and its runs asked for. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawn } from '../../src/cli/report.js';
import { readResults } from '../../src/cli/results-file.js';
import { judgedAgain, refusal } from '../../src/cli/verify.js';
import { DataError } from '../../src/errors.js';
import type { Results, RunSpec } from '../../src/experiments/index.js';
import { init } from '../../src/runtime/init.js';
import { serialize, treeOf } from './json-tree.js';
import type { FuzzTarget } from './loop.js';
import { jsonFile, must, onlyLater, utf8 } from './nearly-right.js';

/** In memory where there is such a place: a file is written for every case, and synced. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A folder that goes when the process ends. */
export function ownFolder(): string {
  const folder = mkdtempSync(join(PLACE, 'prenorm-fuzz-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The runs of one kind whose claims and figure rest on nothing else, and a figure of each other kind. */
function small(): Results {
  const quick: Results = JSON.parse(
    readFileSync(new URL('../../docs/results/quick.json', import.meta.url), 'utf8'),
  );
  const runs = quick.runs.filter(({ id }) => /^law-(jacobian|relu|hidden)/.test(id));
  const hashes = new Set(runs.map(({ hash }) => hash));
  return {
    ...quick,
    runs,
    claims: quick.claims.filter(
      ({ runHashes }) => runHashes.length > 0 && runHashes.every((hash) => hashes.has(hash)),
    ),
    figures: quick.figures.filter(({ experiment }) => experiment === 'theory'),
    experiments: quick.experiments?.filter(({ name }) => name === 'theory'),
  };
}

export function resultsTarget(): FuzzTarget {
  const path = join(ownFolder(), 'results.json');
  const tree = treeOf(small());
  return {
    name: 'results',
    async reset() {
      await init();
    },
    make: (random) => (random.nextInt(5) === 0 ? utf8(serialize(tree)) : jsonFile(tree, random)),
    async run(bytes) {
      writeFileSync(path, bytes);
      await onlyLater([DataError], async () => {
        const results = await readResults(path);
        for (const { config } of results.runs) refusal(structuredClone(config) as unknown as RunSpec);
        const { claims, figures } = await judgedAgain(results, new Map(), path);
        must(claims.compared >= results.claims.length, 'a claim is not judged');
        must(figures.compared >= results.figures.length, 'a figure is not drawn');
        const page = drawn(results, path);
        must(page.endsWith('</html>\n'), 'half a page');
      });
    },
  };
}
