/** @file The parts of `npm run bench` in order, with the package's own rows, options and output. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { init } from '../dist/index.js';
import { bench } from '../scripts/built-bench.mjs';
import { measureRivalModels } from './rival-models.mjs';
import { measureRivalProducts } from './rival-products.mjs';
import { measureRivalSteps, rivals } from './rival-steps.mjs';
import { measureSize } from './size.mjs';
import { measureStartup } from './startup.mjs';

/** @type {typeof import('../src/cli/bench.ts')} */
const { beginRun, checkOut, choose, enableRelaxedSimd, makePlan, report, reportError } = await import(
  new URL('../dist/cli/bench.js', import.meta.url).href
);

const OPTIONS = /** @type {const} */ ({
  quick: { type: 'boolean' },
  check: { type: 'boolean' },
  json: { type: 'boolean' },
  only: { type: 'string', multiple: true },
  out: { type: 'string' },
});

export async function main(args) {
  let options;
  try {
    options = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    process.stderr.write(`bench: ${error.message.split('\n')[0]}\n`);
    return 2;
  }
  const { values, positionals } = options;
  const { quick = false } = values;
  // --only a b and --only a,b and --only a --only b all name two parts.
  const only = values.only && [...values.only, ...positionals].flatMap((names) => names.split(','));
  try {
    const own = [
      { name: 'startup', measure: measureStartup },
      { name: 'size', measure: measureSize },
    ];
    // The rivals take turns with each other, so they are one measurement, of as many of them as were asked for.
    /** A part without a measurement is a rival. */
    const names = [...rivals, 'onnxruntime', 'models'];
    /** @type {{ name: string, measure?: import('../src/bench/suite.ts').Part['measure'] }[]} */
    const all = [...bench.parts, ...own, ...names.map((name) => ({ name }))];
    const chosen = choose(all, only);
    checkOut(values.out);
    enableRelaxedSimd();
    await init();
    const locks = {
      'package-lock.json': new URL('../package-lock.json', import.meta.url),
      'bench/package-lock.json': new URL('./package-lock.json', import.meta.url),
    };
    const finish = beginRun({ quick, arithmetic: 'strict', locks });
    const alone = chosen.flatMap(({ name, measure }) => (measure ? [{ name, measure }] : []));
    const wanted = chosen.filter((part) => !part.measure).map(({ name }) => name);
    const plan = makePlan(quick, alone.length + (wanted.length > 0 ? 1 : 0));
    const rows = [];
    for (const part of alone) {
      rows.push(...(await plan.part(part, { arithmetic: 'strict', threads: 1, seed: 0 })));
    }
    const builds = {};
    if (wanted.length > 0) {
      const folder = mkdtempSync(join(tmpdir(), 'prenorm-bench-'));
      const measure = async (rest) => {
        const products = await measureRivalProducts(rest, wanted, builds);
        const steps = await measureRivalSteps(rest, wanted, folder, builds);
        // Named alone, the models are run beside all rivals that run them.
        const those = wanted.includes('models') ? ['pytorch', 'onnxruntime'] : wanted;
        return [...products, ...steps, ...(await measureRivalModels(rest, those, folder, builds))];
      };
      try {
        rows.push(
          ...(await plan.part(
            { name: `rivals (${wanted.join(', ')})`, measure },
            { arithmetic: 'strict', threads: 1, seed: 0 },
          )),
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
    return await report(finish(rows, builds), values);
  } catch (error) {
    return reportError(error);
  }
}
