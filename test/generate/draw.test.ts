/** @file Drawing behind filters, against filters written as plain lists of probabilities. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { draw, type Filters, ranked } from '../../src/generate/draw.js';
import { RandomStream } from '../../src/random.js';
import { init } from '../../src/runtime/init.js';
import { gaussians } from '../support.js';

const test = suite('generate/draw');
await init();

/** The ids that are left and their probabilities, most probable first. */
function plain(scores: Float32Array, { temperature, topK, topP, minP }: Filters): [id: number, p: number][] {
  let left = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, topK);
  const p = (id: number) => Math.exp((scores[id] - scores[left[0]]) / temperature);
  const total = (ids: number[]) => ids.reduce((sum, id) => sum + p(id), 0);
  if (topP !== undefined) {
    const all = total(left);
    let n = 1;
    while (n < left.length && total(left.slice(0, n)) < topP * all) n++;
    left = left.slice(0, n);
  }
  if (minP !== undefined) left = left.filter((id) => p(id) >= minP);
  const sum = total(left);
  return left.map((id) => [id, p(id) / sum]);
}

test('what is drawn at u is where u falls in the probabilities that the filters leave', () => {
  const random = new RandomStream(3, 'test:draw');
  const filters: Filters[] = [
    { temperature: 1 },
    { temperature: 0.4, topK: 7 },
    { temperature: 1.5, topK: 80 },
    { temperature: 1, topP: 0.6 },
    { temperature: 1, minP: 0.2 },
    { temperature: 0.8, topK: 50, topP: 0.9, minP: 0.05 },
    { temperature: 1, topP: 1e-9 },
    { temperature: 1, minP: 1 },
    { temperature: 1, topK: 1000 },
  ];
  let tried = 0;
  for (const vocab of [1, 5, 63, 64, 65, 500]) {
    for (const filter of filters) {
      const scores = gaussians(vocab, vocab).map((x) => x * 2);
      const left = plain(scores, filter);
      for (let i = 0; i < 20; i++) {
        const u = random.nextFloat();
        let below = 0;
        const at = left.findIndex(([, p]) => {
          below += p;
          return u < below;
        });
        if (left.some((_, n) => Math.abs(u - left.slice(0, n).reduce((sum, [, p]) => sum + p, 0)) < 1e-6))
          continue;
        assert.is(draw(scores, filter, u), left[at][0], `${vocab} ${JSON.stringify(filter)} ${u}`);
        tried++;
      }
    }
  }
  assert.ok(tried > 900);
});

test('ranks are those of a stable sort, ties to the smaller id, by either way', () => {
  const values = [0, -0, 1, -1, 0.5, -0.5, 3e38, -3e38, 1e-45, -1e-45, -Infinity];
  const scores = Float32Array.from({ length: 3000 }, (_, i) => values[(i * 7919) % values.length]);
  const expected = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
  for (const count of [1, 2, 63, 64, 65, 2999, 3000]) {
    assert.equal([...ranked(scores, count)], expected.slice(0, count), String(count));
  }
  assert.equal([...ranked(Float32Array.of(1, 3, 2), 5)], [1, 2, 0]);
});

test.run();
