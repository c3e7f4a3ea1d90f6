/** @file Three workers with addresses, disks and data folders of their own: a small file by the queue, a large one by the data root. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { claim, Lab, prenorm, printTable } from './lab.mjs';
import { Network } from './network.mjs';
import { hashesOf, resultsIn, writeGrid } from './runs.mjs';

export async function namespaces() {
  const network = Network.made(3);
  if (!network) {
    console.log('skipped: no right to make network namespaces');
    return;
  }
  const lab = new Lab();
  try {
    const redis = await lab.start('--bind', '127.0.0.1', network.hub, '--protected-mode', 'no');
    const far = `redis://${network.hub}:${redis.port}`;
    const cwd = lab.place('asking');
    writeGrid(cwd, 6, 50);
    const grid = JSON.parse(readFileSync(join(cwd, 'grid.json'), 'utf8'));
    // 9 MB: more than travels in the queue.
    const lines = readFileSync(join(cwd, 'cats.txt'), 'utf8').repeat(4500);
    const source = { list: ['cats.txt', 'books/long.txt'] };
    const data = { ...grid.data, source };
    writeFileSync(join(cwd, 'grid.json'), JSON.stringify({ ...grid, data, tokenizer: { kind: 'chars' } }));
    const roots = ['with', 'without', 'altered'].map((name) => {
      const root = lab.place(`root-${name}`);
      mkdirSync(join(root, 'books'));
      return root;
    });
    mkdirSync(join(cwd, 'books'));
    for (const folder of [cwd, roots[0]]) writeFileSync(join(folder, 'books/long.txt'), lines);
    writeFileSync(join(roots[2], 'books/long.txt'), `?${lines.slice(1)}`);
    const local = await prenorm(['sweep', 'grid.json', '--out', 'here'], cwd);
    claim(local.code === 0, 'the runs on this machine alone');
    if (local.code !== 0) console.log(local.stderr);
    for (const [i, root] of roots.entries())
      await lab.worker(`far-${i}`, ['--concurrency', '1', '--data-root', root], network.within(i), far);
    const asked = await prenorm(['sweep', 'grid.json', '--out', 'far', '--queue', lab.address], cwd);
    claim(asked.code === 0, 'the same on three workers in namespaces of their own');
    if (asked.code !== 0) console.log(asked.stderr);
    const [here, there] = [resultsIn(cwd, 'here'), resultsIn(cwd, 'far')];
    const equal = hashesOf(here).filter((line, at) => line === hashesOf(there)[at]).length;
    claim(equal === here.runs.length, `${equal} of ${here.runs.length} hashes equal`);
    const by = there.runs.map(({ id, config }) => [
      config.recipe.data.source,
      there.computedBy.runs[id].slice(0, 5),
    ]);
    const long = by.filter(([name]) => name === 'books/long.txt');
    claim(
      long.length === 6 && long.every(([, worker]) => worker === 'far-0'),
      'the large file only where it is, unaltered',
    );
    claim(
      /leaves runs to others: books\/long\.txt is not in --data-root/.test(asked.stderr),
      'who has it not says so',
    );
    claim(/long\.txt in --data-root has another content/.test(asked.stderr), 'who has another one says so');
    printTable(
      ['worker', 'address', 'runs with the small file', 'runs with the large file'],
      roots.map((_, i) => {
        const own = (name) =>
          by.filter(([source, worker]) => source === name && worker === `far-${i}`).length;
        return [`far-${i}`, network.address(i), own('cats.txt'), own('books/long.txt')];
      }),
    );
  } finally {
    await lab.end();
    network.end();
  }
}
