/**
 * @file Dropout. The mask is a function of (seed, stream, step, microbatch, call, element) and is computed again in
 * the backward, so only these are kept, and a resumed run drops the same elements.
 */
import { checkValue, share } from '../../checks.js';
import { fnv1a } from '../../random.js';
import type { Ptr } from '../../runtime/kernels.js';
import type { Runtime } from '../../runtime/runtime.js';
import { record } from '../tape.js';
import { requireDType, result, type Variable } from '../variable.js';

/** What kernels draw a mask from. @internal */
export interface Mask {
  /** 65536 p; something is always kept. */
  threshold: number;
  rng: Ptr;
  stream: number;
  call: number;
}

/** Nothing is dropped. @internal */
export const NO_MASK: Mask = { threshold: 0, rng: 0, stream: 0, call: 0 };

/** The next mask of a stream. @internal */
export function drawMask(runtime: Runtime, p: number, name: string): Mask {
  const stream = fnv1a(`dropout:${name}`) | 0;
  return { threshold: Math.min(65535, Math.round(p * 65536)), stream, ...runtime.draw(stream) };
}

/**
 * Sets a share `p` of the elements to 0 and scales the rest by 1 / (1 - p), with p in steps of 2^-16.
 * Every call draws a mask of its own.
 * @param stream name of the call site: its masks depend on its own calls alone, not on those of other names.
 * @throws ConfigError for a probability outside [0, 1)
 */
export function dropout(x: Variable, p: number, stream = ''): Variable {
  requireDType('dropout', 'x', x, 'f32');
  checkValue('dropout', 'p', p, share);
  if (p === 0) return x;
  const { runtime } = x;
  const y = result(runtime, x.shape);
  const { threshold, rng, stream: id, call } = drawMask(runtime, p, stream);
  const keep = 65536 / (65536 - threshold);
  runtime.kernels.dropoutForward(y.ptr, x.ptr, 0, x.size, threshold, keep, rng, id, call);
  record('dropout', [x], [y], (ctx) => {
    if (!ctx.wants(x)) return;
    ctx.overwrite(x, (dx) =>
      runtime.kernels.dropoutForward(dx, ctx.dout(), 0, x.size, threshold, keep, rng, id, call),
    );
  });
  return y;
}
