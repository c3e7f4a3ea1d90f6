/** A lane's host where messages arrive at once, as in a page that computes by itself. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FromLane, LaneHost } from '../../src/lab/lane-host.js';
import { decodeLab } from '../../src/lab/link.js';
import { laneRecipe } from '../../src/lab/recipes.js';
import { runLab } from '../../src/lab/run.js';

const test = suite('lab: lane host');
const LINK = '1&n=6&l=2&d=32&lane=p.post';

test('a lane goes on when it is allowed more while it tells of its last steps, and ends once', async () => {
  const lab = decodeLab(LINK);
  const expected = await runLab(lab);
  const width = expected.lanes[0].rows[0].length;
  const ends: FromLane[] = [];
  const firsts: number[] = [];
  let over = () => {};
  const done = new Promise<void>((resolve) => {
    over = resolve;
  });
  const host = new LaneHost((message) => {
    // As a page that lets lanes go two steps ahead of what it has been told.
    if (message.type === 'ready') void host.receive({ type: 'until', step: 2 });
    if (message.type === 'rows') {
      firsts.push(message.first);
      void host.receive({ type: 'until', step: message.first + message.rows.length / width + 1 });
    }
    if (message.type === 'failed') assert.unreachable(JSON.stringify(message.error));
    if (message.type === 'ended') {
      ends.push(message);
      over();
    }
  });
  await host.receive({ type: 'start', recipe: laneRecipe(lab, 0) });
  await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 20_000).unref())]);
  assert.is(ends.length, 1, `it stood still after the rows from ${firsts}`);
  assert.equal(ends[0], { type: 'ended', end: 'done', step: 6, digest: expected.lanes[0].digest });
  host.close();
});

test.run();
