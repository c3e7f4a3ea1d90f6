/** `prenorm train --arithmetic-check`: what it finds, and that nothing else of a run changes by it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lm, writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: gradients in two arithmetics');

test('gradients differ by little, and the run stays what it is without the check, resumed or not', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const recipe = { ...lm, steps: 6, arithmetic: 'int12', checkpointEvery: 3 };
    writeFileSync(join(cwd, 'c.json'), JSON.stringify(recipe));
    writeFileSync(join(cwd, 'half.json'), JSON.stringify({ ...recipe, steps: 3 }));
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await prenorm(['train', ...args], { cwd });
      assert.is(code, 0, stderr);
      return { stdout, stderr };
    };
    const hashOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout).hash;
    const plain = await run('c.json', '--out', 'plain', '--json');
    const checked = await run('c.json', '--out', 'checked', '--arithmetic-check', '2', '--json');
    assert.is(hashOf(checked), hashOf(plain));
    const read = (folder: string, name: string) => readFileSync(join(cwd, folder, name), 'utf8');
    assert.is(read('checked', 'metrics.jsonl'), read('plain', 'metrics.jsonl'));
    assert.not(existsSync(join(cwd, 'plain', 'arithmetic.jsonl')));
    const lines = read('checked', 'arithmetic.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(
      lines.map(({ step }) => step),
      [2, 4, 6],
    );
    for (const { median, worst, tensor } of lines) {
      // Other dropout or another batch would make it of the order of one; equal arithmetics would make it none.
      assert.ok(median > 1e-6 && median < 0.03, `median ${median}`);
      assert.ok(worst >= median && worst < 0.2, `worst ${worst}`);
      assert.type(tensor, 'string');
    }
    const half = await run('half.json', '--out', 'parts', '--arithmetic-check', '2');
    assert.match(
      half.stderr,
      /step 2: gradients differ from those in strict floats by [\d.e-]+ % \(median\), at most [\d.e-]+ % \([\w.]+\)/,
    );
    await run('c.json', '--out', 'parts', '--arithmetic-check', '2', '--resume');
    assert.is(read('parts', 'arithmetic.jsonl'), read('checked', 'arithmetic.jsonl'));
  }));

test('a run in strict floats has nothing to be compared with', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    writeFileSync(join(cwd, 'c.json'), JSON.stringify(lm));
    const { code, stderr } = await prenorm(['train', 'c.json', '--out', 'a', '--arithmetic-check'], { cwd });
    assert.is(code, 2);
    assert.match(stderr, /strict arithmetic, which has nothing to be compared with.*int12 or relaxed/s);
    assert.not(existsSync(join(cwd, 'a', 'checkpoint.safetensors')));
  }));

test.run();
