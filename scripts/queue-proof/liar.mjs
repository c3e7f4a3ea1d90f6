/** @file A worker that changes one bit of a loss: found by `--verify 1` at once, by `--verify 0.1` as often as arithmetic says. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openQueueRuns } from '../../src/cli/queue/runs.ts';
import { fileSources } from '../../src/cli/sources.ts';
import { init } from '../../src/runtime/init.ts';
import { startLiar } from '../../test/cli/liar.ts';
import { quickRun, text } from '../../test/cli/queue-runs.ts';
import { claim, Lab, printTable } from './lab.mjs';

const TRIALS = 30;
const RUNS = 12;
const SHARE = 0.1;

export async function liar() {
  await init();
  const lab = new Lab();
  try {
    await lab.start();
    const folder = lab.place('asking');
    writeFileSync(join(folder, 'cats.txt'), text);
    await lab.worker('honest', ['--concurrency', '1']);
    let seed = 0;
    const trial = async (verify) => {
      const specs = Array.from({ length: RUNS }, () => quickRun(++seed));
      const double = await startLiar(lab.address, fileSources(folder));
      const runs = await openQueueRuns(lab.address, { name: 'liar', specs, verify });
      const notes = [];
      let doneBefore = -1;
      let done = 0;
      const last = new Map();
      const options = {
        processes: 1,
        engine: { arithmetic: /** @type {const} */ ('strict') },
        folder,
        signal: new AbortController().signal,
      };
      await runs.execute(specs, options, {
        onProgress() {},
        onDone({ id }, _, machine) {
          done++;
          last.set(id, machine?.worker);
        },
        onPutAside: ({ id }) => void last.delete(id),
        onNote(line) {
          notes.push(line);
          if (line.includes(`worker ${double.liar} computes otherwise`)) doneBefore = done;
        },
      });
      await runs.close();
      const lies = double.lies();
      await double.close();
      const isFound = doneBefore >= 0;
      const kept = [...last.values()].filter((worker) => worker === double.liar).length;
      return { isFound, lies, doneBefore, kept };
    };
    const whole = [];
    for (let i = 0; i < 5; i++) whole.push(await trial(1));
    claim(
      whole.every(({ isFound, lies }) => isFound || lies === 0),
      '--verify 1 finds it every time',
    );
    claim(
      whole.every(({ kept }) => kept === 0),
      'none of its results is kept',
    );
    let expected = 0;
    let variance = 0;
    let found = 0;
    let lies = 0;
    for (let i = 0; i < TRIALS; i++) {
      const one = await trial(SHARE);
      let missed = 1;
      for (let n = 0; n < one.lies; n++) missed *= 1 - SHARE;
      expected += 1 - missed;
      variance += missed * (1 - missed);
      lies += one.lies;
      if (one.isFound) found++;
      if (one.isFound) claim(one.kept === 0, `trial ${i + 1}: found, none of its results is kept`);
    }
    const spread = 2 * Math.sqrt(variance);
    claim(
      Math.abs(found - expected) <= 1.5 * spread,
      `--verify ${SHARE}: found in ${found} of ${TRIALS} trials, by arithmetic ${expected.toFixed(1)}`,
    );
    printTable(
      ['share', 'trials', 'lies in each, mean', 'found', 'by arithmetic, 1 - (1 - share)^lies'],
      [
        [
          '1',
          whole.length,
          (whole.reduce((sum, one) => sum + one.lies, 0) / whole.length).toFixed(1),
          whole.filter(({ isFound }) => isFound).length,
          whole.length,
        ],
        [
          SHARE,
          TRIALS,
          (lies / TRIALS).toFixed(1),
          found,
          `${expected.toFixed(1)} ± ${spread.toFixed(1)} (two standard deviations)`,
        ],
      ],
    );
  } finally {
    await lab.end();
  }
}
