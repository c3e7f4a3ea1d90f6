/** @file Malformed results files: whatever is altered, the refusal names the file, the place in it and what to do. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readResults } from '../../src/cli/results-file.js';
import { resultsFault } from '../../src/cli/results-shape.js';
import { PrenormError } from '../../src/errors.js';
import { checkSpec, type Results, type RunRecord, type RunSpec } from '../../src/experiments/index.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli/results-shape');

const recorded = (name: string): Results =>
  JSON.parse(readFileSync(new URL(`../../docs/results/${name}.json`, import.meta.url), 'utf8'));
const quick = recorded('quick');
const all = [...quick.runs, ...recorded('standard').runs];

/** Text of the engine's own errors, which says nothing to a reader. */
const ENGINE = /undefined|is not iterable|is not a function|Cannot read|Cannot convert|\[object/;

type Path = (string | number)[];

/** Places of all members, each list by its first entry. */
function places(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [];
  const keys = Array.isArray(value) ? (value.length > 0 ? [0] : []) : Object.keys(value);
  return keys.flatMap((key) => {
    const place = [...path, key];
    return [place, ...places((value as Record<string | number, unknown>)[key], place)];
  });
}

const at = (value: unknown, path: Path): unknown =>
  path.reduce((inner: unknown, key) => (inner as Record<string | number, unknown>)[key], value);

function altered<T>(value: T, path: Path, wrong: unknown): T {
  const copy = structuredClone(value);
  (at(copy, path.slice(0, -1)) as Record<string | number, unknown>)[path[path.length - 1]] = wrong;
  return copy;
}

/** One of each kind of run, and of each kind of figure. */
const small: Results = {
  ...quick,
  claims: quick.claims.slice(0, 1),
  runs: [...new Map(quick.runs.map((run) => [run.config.kind, run])).values()],
  figures: [...new Map(quick.figures.map((figure) => [figure.kind, figure])).values()],
};

/** Something that a value of this kind must not be. */
const wrongFor = (value: unknown): unknown => (typeof value === 'object' ? 'x' : { x: null });

test('what is recorded is taken', () => {
  for (const name of ['quick', 'standard']) assert.is(resultsFault(recorded(name)), undefined, name);
  for (const run of quick.runs) checkSpec(structuredClone(run.config) as unknown as RunSpec);
});

test('a member of another kind is named by its place', () => {
  let tried = 0;
  for (const path of places(small)) {
    const isConfig = path.includes('config');
    if (isConfig && path[path.length - 1] !== 'config' && path[path.length - 1] !== 'kind') continue;
    if (isConfig && path.indexOf('config') < path.length - 2) continue;
    const fault = resultsFault(altered(small, path, wrongFor(at(small, path))));
    assert.ok(fault?.startsWith(`${path.join('.')} must be `), `${path.join('.')}: ${fault}`);
    tried++;
  }
  assert.ok(tried > 90, String(tried));
});

test('null is a number that was not finite, and nothing else', () => {
  const [run] = small.runs.filter(({ curve }) => curve?.length);
  const one: Results = { ...small, runs: [run] };
  const taken = ['finalValidNll', 'progress', 'curve.0.trainLoss', 'curve.0.validNll', 'bleu.score'];
  for (const place of taken) {
    const path = ['runs', 0, ...place.split('.').map((key) => (key === '0' ? 0 : key))];
    assert.is(resultsFault(altered(one, path, null)), undefined, place);
  }
  for (const place of ['label', 'steps', 'seconds', 'seed', 'hash', 'placement', 'status', 'curve', 'config'])
    assert.match(resultsFault(altered(one, ['runs', 0, place], null)) ?? '', `runs.0.${place} must be`);
});

test('a specification with a member of another kind is refused in our words', () => {
  const kinds = [...new Map(all.map((run) => [run.config.kind, run.config])).values()];
  assert.is(kinds.length, 9);
  for (const config of kinds) {
    for (const key of Object.keys(config).filter((name) => name !== 'kind')) {
      for (const wrong of [null, 'no such', {}, -1, true]) {
        if (config[key] === null && wrong === null) continue;
        const spec = { ...config, [key]: wrong } as unknown as RunSpec;
        if (typeof config[key] === 'string' && wrong === 'no such' && /id|label|arm/.test(key)) continue;
        let message = 'nothing';
        try {
          checkSpec(structuredClone(spec));
        } catch (error) {
          assert.instance(error, PrenormError, `${config.kind} ${key} ${wrong}: ${error}`);
          message = (error as Error).message;
        }
        const optional = ['fineTuning', 'decode'].includes(key) && wrong === null;
        if (optional) continue;
        assert.not.match(message, /^nothing$/, `${config.kind} ${key} ${JSON.stringify(wrong)} was taken`);
        assert.not.match(message, ENGINE);
      }
    }
  }
});

/** What commands are given, and what their refusal must say. */
const told: [change: (run: RunRecord) => unknown, message: RegExp][] = [
  [(run) => ({ ...run, curve: null }), /runs\.0\.curve must be a list, got null/],
  [(run) => ({ ...run, label: null }), /runs\.0\.label must be a string, got null/],
  [
    (run) => ({ ...run, measured: { a: ['b'] } }),
    /runs\.0\.measured\.a\.0 must be a number or null, got "b"/,
  ],
  [(run) => ({ ...run, samples: [null] }), /runs\.0\.samples\.0 must be an object, got null/],
  [(run) => ({ ...run, status: 'fine' }), /runs\.0\.status must be one of trained, .* got "fine"/],
];

test('verify and report refuse such a file by its name, with what to do', () =>
  inFolder(async (cwd) => {
    const path = join(cwd, 'bad.json');
    for (const [change, message] of told) {
      writeFileSync(path, JSON.stringify({ ...small, runs: [change(small.runs[0])] }));
      const error = await readResults(path).catch((refusal: Error) => refusal);
      assert.instance(error, PrenormError);
      assert.match((error as Error).message, message);
      assert.match((error as Error).message, /bad\.json.*give its results\.json/);
    }
    for (const command of ['verify', 'report']) {
      const { code, stderr } = await prenorm([command, 'bad.json'], { cwd });
      assert.is(code, 2, stderr);
      assert.match(stderr, /bad\.json: .*runs\.0\.status must be one of.*give its results\.json/);
    }
  }));

test('a specification that passes its check and cannot be carried out is the file’s fault, by row and key', () =>
  inFolder(async (cwd) => {
    const run = quick.runs.find(({ config }) => config.kind === 'translation') as RunRecord;
    const { recipe, ...config } = structuredClone(run.config) as { recipe: { model: object } };
    const bad = { ...config, recipe: { ...recipe, model: { ...recipe.model, numHeads: null } } };
    writeFileSync(join(cwd, 'bad.json'), JSON.stringify({ ...quick, runs: [{ ...run, config: bad }] }));
    const { code, stderr } = await prenorm(['verify', 'bad.json'], { cwd });
    assert.is(code, 2, stderr);
    assert.ok(stderr.includes(run.id), stderr);
    assert.match(stderr, /bad\.json: .*numHeads must be.*it was altered, or written by another version/);
  }));

test.run();
