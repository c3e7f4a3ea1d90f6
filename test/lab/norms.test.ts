/** Stacks are drawn with the norms that their formulas have: main line, branch, inside a block, top. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { normPlacements } from '../../src/nn/placement-names.js';
import { type Place, placements } from '../../src/nn/placements.js';
import { type BlockKind, drawnPlacements } from '../../web/lab/norms.js';

const test = suite('lab: norms drawn');
const LAYERS = 8;
const kinds: BlockKind[] = ['attention', 'cross', 'ffn'];
const placeOf = (layer: number): Place => ({
  layer,
  numLayers: LAYERS,
  otherLayers: 0,
  decoder: false,
  mixFraction: 0.25,
  preFirst: false,
});

for (const name of normPlacements) {
  test(`${name}: each norm of the formula has its bar, and there is no other`, () => {
    const drawn = drawnPlacements[name];
    for (let layer = 1; layer <= LAYERS; layer++) {
      const formula = placements[name].choose?.(placeOf(layer)) ?? placements[name];
      const { norms = kinds, outputNorms = [], innerNorm = [], qkNorm } = formula;
      for (const kind of kinds) {
        const { main, before, behind, inside } = drawn.block(kind, layer, LAYERS);
        const says = `${kind} of layer ${layer}`;
        const own = Number(norms.includes(kind)) + Number(outputNorms.includes(kind));
        assert.is(Number(main) + Number(before) + Number(behind), own, says);
        assert.is(inside, innerNorm.includes(kind) || (qkNorm !== undefined && kind !== 'ffn'), says);
      }
    }
    const { finalNorm } = placements[name];
    assert.is(drawn.last, typeof finalNorm === 'function' ? finalNorm(placeOf(LAYERS)) : finalNorm);
  });
}

test.run();
