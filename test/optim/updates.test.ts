/** @file The updates of every optimizer, beside the textbook's by hand. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Parameter } from '../../src/autograd/index.js';
import { Adam, AdamW, type Optimizer, RAdam, SGD } from '../../src/optim/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { close } from '../support.js';

import { B1, B2, EPS, GRADS, giveGradient, LR, options, parameter, START } from './setup.js';

const test = suite('optim/updates');
await init();

/** Values of one parameter after each of the gradients, in double precision. */
function trajectory(make: (p: Parameter) => Optimizer, before?: (o: Optimizer) => void): number[][] {
  return withRuntime(createReferenceRuntime(), () => {
    const p = parameter();
    const optimizer = make(p);
    return GRADS.map((grad) => {
      optimizer.zeroGrad();
      giveGradient(p, grad);
      before?.(optimizer);
      optimizer.step();
      return [...p.toArray()];
    });
  });
}

function compare(actual: number[][], expected: number[][], tolerance = 1e-12): void {
  actual.forEach((row, t) => {
    row.forEach((v, i) => {
      close(v, expected[t][i], tolerance, `step ${t + 1}, element ${i}:`);
    });
  });
}

/** The textbook's update, element by element. */
function byHand(
  update: (p: number, g: number, t: number, state: Record<string, number>) => number,
): number[][] {
  const p = [...START];
  const states = START.map((): Record<string, number> => ({}));
  return GRADS.map((grad, t) => {
    p.forEach((value, i) => {
      p[i] = update(value, grad[i], t + 1, states[i]);
    });
    return [...p];
  });
}

function moments(g: number, t: number, s: Record<string, number>) {
  s.m = B1 * (s.m ?? 0) + (1 - B1) * g;
  s.v = B2 * (s.v ?? 0) + (1 - B2) * g * g;
  return { m: s.m / (1 - B1 ** t), v: s.v / (1 - B2 ** t) };
}

test('Adam follows its formula; the first step is lr in the direction of the sign', () => {
  const actual = trajectory((p) => new Adam([p], options));
  compare(
    actual,
    byHand((p, g, t, s) => {
      const { m, v } = moments(g, t, s);
      return p - (LR * m) / (Math.sqrt(v) + EPS);
    }),
  );
  START.forEach((p, i) => {
    close(actual[0][i], p - LR * Math.sign(GRADS[0][i]), 1e-6);
  });
});

test("Adam's weight decay joins the gradient, AdamW's shrinks the weight apart from it", () => {
  const decay = 0.3;
  compare(
    trajectory((p) => new Adam([p], { ...options, weightDecay: decay })),
    byHand((p, g, t, s) => {
      const { m, v } = moments(g + decay * p, t, s);
      return p - (LR * m) / (Math.sqrt(v) + EPS);
    }),
  );
  compare(
    trajectory((p) => new AdamW([p], { ...options, weightDecay: decay })),
    byHand((p, g, t, s) => {
      const { m, v } = moments(g, t, s);
      return p * (1 - LR * decay) - (LR * m) / (Math.sqrt(v) + EPS);
    }),
  );
});

test("AdamW's default decay is 0.01, Adam's is none", () => {
  assert.equal(
    trajectory((p) => new AdamW([p], options)),
    trajectory((p) => new AdamW([p], { ...options, weightDecay: 0.01 })),
  );
  assert.equal(
    trajectory((p) => new Adam([p], options)),
    trajectory((p) => new Adam([p], { ...options, weightDecay: 0 })),
  );
});

test('SGD with and without momentum, Nesterov and decay follows its formula', () => {
  for (const [momentum, nesterov, weightDecay] of [
    [0, false, 0],
    [0.9, false, 0],
    [0.9, true, 0],
    [0.8, false, 0.1],
    [0, false, 0.1],
  ] as const) {
    compare(
      trajectory((p) => new SGD([p], { lr: LR, momentum, nesterov, weightDecay })),
      byHand((p, g, t, s) => {
        const full = g + weightDecay * p;
        s.b = t === 1 ? full : momentum * s.b + full;
        return p - LR * (nesterov ? full + momentum * s.b : momentum > 0 ? s.b : full);
      }),
    );
  }
});

test('RAdam is momentum alone while the variance is intractable, then rectified', () => {
  let [plain, rectified] = [0, 0];
  compare(
    trajectory((p) => new RAdam([p], options)),
    byHand((p, g, t, s) => {
      const { m, v } = moments(g, t, s);
      const limit = 2 / (1 - B2) - 1;
      const rho = limit - (2 * t * B2 ** t) / (1 - B2 ** t);
      if (rho <= 5) {
        plain++;
        return p - LR * m;
      }
      rectified++;
      const r = Math.sqrt(((rho - 4) * (rho - 2) * limit) / ((limit - 4) * (limit - 2) * rho));
      return p - (LR * r * m) / (Math.sqrt(v) + EPS);
    }),
    1e-9,
  );
  assert.equal([plain, rectified], [15, 6]);
});

test('single precision stays close to double over many steps', () => {
  const run = () => {
    const p = parameter();
    const optimizer = new Adam([p], options);
    for (let t = 0; t < 60; t++) {
      optimizer.zeroGrad();
      giveGradient(p, GRADS[t % GRADS.length]);
      optimizer.step();
    }
    return [...p.toArray()];
  };
  const double = withRuntime(createReferenceRuntime(), run);
  run().forEach((v, i) => {
    close(v, double[i], 2e-5);
  });
});

test.run();
