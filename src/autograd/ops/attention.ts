/**
 * @file Scaled dot-product attention over all heads in one op. It saves q, k, v, the output and two numbers
 * per row (its maximum and the inverse of its sum) and recomputes the probabilities block by block in the backward, so that memory
 * is linear in the sequence length. Masks are a causal flag and lengths, never added infinities; those of dropout are drawn
 * again in the backward.
 */
import { anything, checkOptions, flag, integer, optional, type Rules, share, text } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import { record } from '../tape.js';
import { requireDType, requireTensor, result, runtimeOf, type Variable } from '../variable.js';
import { drawMask, NO_MASK } from './dropout.js';

/** How q, k and v are read; every head has C / numHeads components and logits are divided by their root. */
export interface AttentionOptions {
  /** Number of heads; it divides C. */
  numHeads: number;
  /** Heads of keys and values; they divide `numHeads`, and each serves as many heads of queries in a row. Default: `numHeads`. */
  numKVHeads?: number;
  /** Whether key j is visible to query i only when j <= i + queryOffset. Default false. */
  causal?: boolean;
  /** Position of the first query among the keys (a key/value cache holds earlier ones). Default 0. */
  queryOffset?: number;
  /** (B) i32: number of valid keys per sequence; beyond the keys it counts as all of them, below 0 as none. Default: all. */
  lengths?: Variable | null;
  /**
   * Sets this share of the probabilities to 0 and scales the rest by 1 / (1 - dropout), in steps of 2^-16, at every call
   * by a mask of its own. Default 0.
   */
  dropout?: number;
  /** Name of the call site: its masks depend on its own calls alone, not on those of other names. Default ''. */
  stream?: string;
}

const rules: Rules<AttentionOptions> = {
  numHeads: integer(1),
  numKVHeads: optional(integer(1)),
  causal: optional(flag),
  queryOffset: optional(integer(-0x80000000, 0x7fffffff)),
  lengths: optional(anything),
  dropout: optional(share),
  stream: optional(text),
};

/** A part of a packed projection: columns from `offset` on of each row of x (B, T, stride). */
interface Part {
  x: Variable;
  offset: number;
}

/**
 * Self-attention from packed projections qkv (B, T, C + 2·D), D being C, or the width of `numKVHeads` heads; result
 * (B, T, C).
 */
export function selfAttention(qkv: Variable, options: AttentionOptions): Variable {
  requireTensor('selfAttention', 'qkv', qkv);
  const { numHeads = 1, numKVHeads = numHeads } = options ?? {};
  const dHead = qkv.shape[2] / (numHeads + 2 * numKVHeads);
  const [c, d] = [numHeads * dHead, numKVHeads * dHead];
  return attend(
    'selfAttention',
    { x: qkv, offset: 0 },
    { x: qkv, offset: c },
    { x: qkv, offset: c + d },
    c,
    options,
  );
}

/** Attention of queries q (B, Tq, C) over packed kv (B, Tk, 2·D), D as in `selfAttention`; result (B, Tq, C). */
export function crossAttention(q: Variable, kv: Variable, options: AttentionOptions): Variable {
  requireTensor('crossAttention', 'q', q);
  requireTensor('crossAttention', 'kv', kv);
  const c = q.shape[2];
  return attend(
    'crossAttention',
    { x: q, offset: 0 },
    { x: kv, offset: 0 },
    { x: kv, offset: kv.shape[2] / 2 },
    c,
    options,
  );
}

/** Attention of q (B, Tq, C) over k and v (B, Tk, D), D as in `selfAttention`; result (B, Tq, C). */
export function attention(q: Variable, k: Variable, v: Variable, options: AttentionOptions): Variable {
  requireTensor('attention', 'q', q);
  return attend(
    'attention',
    { x: q, offset: 0 },
    { x: k, offset: 0 },
    { x: v, offset: 0 },
    q.shape[2],
    options,
  );
}

function attend(op: string, q: Part, k: Part, v: Part, c: number, options: AttentionOptions): Variable {
  checkOptions(op, options, rules);
  const { numHeads, numKVHeads = numHeads, lengths } = options;
  if (numHeads % numKVHeads) {
    throw new ShapeError(`numHeads ${numHeads} is not divisible by numKVHeads ${numKVHeads}`, {
      op,
      expected: numHeads,
      actual: numKVHeads,
    });
  }
  for (const [name, part] of [
    ['q', q],
    ['k', k],
    ['v', v],
  ] as const) {
    requireDType(op, name, part.x, 'f32');
    const width = part === q ? c : (c / numHeads) * numKVHeads;
    if (part.x.rank !== 3 || part.x.shape[0] !== q.x.shape[0] || part.offset + width > part.x.shape[2]) {
      throw new ShapeError(
        `${name} must be (${q.x.shape[0]}, T, at least ${part.offset + width}), got ${formatShape(part.x.shape)}`,
        {
          op,
          expected: [q.x.shape[0], -1, part.offset + width],
          actual: part.x.shape,
        },
      );
    }
  }
  if (!Number.isInteger(c) || c % numHeads !== 0) {
    throw new ShapeError(`width ${c} is not divisible by numHeads ${numHeads}`, {
      op,
      expected: numHeads,
      actual: c,
    });
  }
  const [batch, queryLen] = q.x.shape;
  const keyLen = k.x.shape[1];
  if (v.x.shape[1] !== keyLen) {
    throw new ShapeError(`v must have as many positions as k, ${keyLen}, got ${formatShape(v.x.shape)}`, {
      op,
      expected: keyLen,
      actual: v.x.shape[1],
    });
  }
  if (lengths && (lengths.dtype !== 'i32' || lengths.size !== batch)) {
    throw new ShapeError(
      `lengths must be i32 [${batch}], got ${lengths.dtype} ${formatShape(lengths.shape)}`,
      {
        op,
        expected: [batch],
        actual: lengths.shape,
      },
    );
  }
  const runtime = runtimeOf(op, q.x, k.x, v.x, lengths);
  const { kernels } = runtime;
  const dHead = c / numHeads;
  const scale = 1 / Math.sqrt(dHead);
  const causal = options.causal ? 1 : 0;
  const offset = options.queryOffset ?? 0;
  const work = runtime.workspace(kernels.attentionWorkspaceBytes(dHead));
  const out = result(runtime, [batch, queryLen, c]);
  const [top, inverse] = [1, 2].map(() => runtime.allocate(batch * numHeads * queryLen));
  const [sq, sk, sv] = [q.x.shape[2], k.x.shape[2], v.x.shape[2]];
  const [pq, pk, pv] = [q.x.ptr + q.offset * 4, k.x.ptr + k.offset * 4, v.x.ptr + v.offset * 4];
  const pl = lengths ? lengths.ptr : 0;
  const { threshold, rng, stream, call } = options.dropout
    ? drawMask(runtime, options.dropout, options.stream ?? '')
    : NO_MASK;
  kernels.attentionForward(
    out.ptr,
    top,
    inverse,
    pq,
    pk,
    pv,
    pl,
    batch,
    numHeads,
    numKVHeads,
    queryLen,
    keyLen,
    dHead,
    sq,
    sk,
    sv,
    c,
    keyLen,
    causal,
    offset,
    scale,
    threshold,
    rng,
    stream,
    call,
    0,
    work,
  );

  const inputs = [...new Set([q.x, k.x, v.x])];
  record(op, inputs, [out], (ctx) => {
    const dots = runtime.allocate(batch * numHeads * queryLen);
    ctx.overwriteAll(inputs, (targets) => {
      const at = (part: Part) => targets[inputs.indexOf(part.x)] + part.offset * 4;
      kernels.attentionBackward(
        at(q),
        at(k),
        at(v),
        ctx.dout(),
        pq,
        pk,
        pv,
        out.ptr,
        top,
        inverse,
        dots,
        pl,
        batch,
        numHeads,
        numKVHeads,
        queryLen,
        keyLen,
        dHead,
        sq,
        sk,
        sv,
        c,
        causal,
        offset,
        scale,
        threshold,
        rng,
        stream,
        call,
        0,
        work,
      );
    });
  });
  return out;
}
