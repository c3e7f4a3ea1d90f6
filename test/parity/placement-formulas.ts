/**
 * @file Every placement once more, in plain double-precision loops over rows: what the engine is compared with. Written
 * from the papers' equations, sharing nothing with src/.
 */

export type Rows = number[][];
export type Weights = ReadonlyMap<string, { shape: readonly number[]; data: Float64Array }>;

export interface Sizes {
  d: number;
  heads: number;
  layers: number;
  eps: number;
  /** Which norm `N` is. */
  norm: 'layer' | 'rms' | 'dyt' | 'scale';
  /** Norm of queries and keys of each head, or over the whole width. */
  qk: { kind: Sizes['norm'] | 'l2'; whole: boolean } | null;
  mixFraction: number;
  preFirst: boolean;
}

const plus = (a: Rows, b: Rows): Rows => a.map((row, t) => row.map((v, i) => v + b[t][i]));
const times = (a: Rows, k: number): Rows => a.map((row) => row.map((v) => v * k));
const total = (row: number[]): number => row.reduce((sum, v) => sum + v, 0);

class Layer {
  constructor(
    readonly sizes: Sizes,
    readonly weights: Weights,
    readonly prefix: string,
  ) {}

  vector(name: string): number[] {
    const found = this.weights.get(this.prefix + name);
    if (!found) throw new Error(`no ${this.prefix}${name}`);
    return Array.from(found.data);
  }

  N(name: string, x: Rows, kind = this.sizes.norm): Rows {
    const { eps } = this.sizes;
    if (kind === 'scale') {
      const [g] = this.vector(`${name}.g`);
      return x.map((row) => {
        const length = Math.sqrt(total(row.map((v) => v * v)) + row.length * eps);
        return row.map((v) => (g * v) / length);
      });
    }
    const weight = this.vector(`${name}.weight`);
    if (kind === 'rms')
      return x.map((row) => {
        const root = Math.sqrt(total(row.map((v) => v * v)) / row.length + eps);
        return row.map((v, i) => (weight[i] * v) / root);
      });
    const bias = this.vector(`${name}.bias`);
    if (kind === 'dyt') {
      const [alpha] = this.vector(`${name}.alpha`);
      return x.map((row) => row.map((v, i) => weight[i] * Math.tanh(alpha * v) + bias[i]));
    }
    return x.map((row) => {
      const mean = total(row) / row.length;
      const variance = total(row.map((v) => (v - mean) * (v - mean))) / row.length;
      return row.map((v, i) => (weight[i] * (v - mean)) / Math.sqrt(variance + eps) + bias[i]);
    });
  }

  linear(name: string, x: Rows, from = 0, to?: number): Rows {
    const packed = name === 'self_attn.in_proj';
    const [w, b] = [packed ? `${name}_weight` : `${name}.weight`, packed ? `${name}_bias` : `${name}.bias`];
    const [weight, bias] = [this.vector(w), this.vector(b)];
    const width = x[0].length;
    const rows = Array.from({ length: (to ?? bias.length) - from }, (_, r) => r + from);
    return x.map((row) => rows.map((r) => bias[r] + total(row.map((v, i) => v * weight[r * width + i]))));
  }

  /** Multi-head self-attention; `value` norms the values, `inner` the result, `gain` scales the heads. */
  attention(x: Rows, own: { value?: boolean; inner?: boolean; gain?: boolean } = {}): Rows {
    const { d, heads, qk, eps } = this.sizes;
    const width = d / heads;
    const per = (rows: Rows, f: (h: Rows) => Rows): Rows => {
      const parts = Array.from({ length: heads }, (_, h) =>
        f(rows.map((row) => row.slice(h * width, (h + 1) * width))),
      );
      return rows.map((_, t) => parts.flatMap((part) => part[t]));
    };
    let [q, k, v] = [0, 1, 2].map((i) => this.linear('self_attn.in_proj', x, i * d, (i + 1) * d));
    if (qk?.kind === 'l2') {
      const [g] = this.vector('self_attn.qk_l2.g');
      const unit = (h: Rows) =>
        h.map((row) => row.map((u) => u / Math.sqrt(total(row.map((w) => w * w)) + eps)));
      q = times(per(q, unit), g * Math.sqrt(width));
      k = per(k, unit);
    } else if (qk) {
      const { kind } = qk;
      const norm = (name: string, rows: Rows) =>
        qk.whole ? this.N(name, rows, kind) : per(rows, (h) => this.N(name, h, kind));
      q = norm('self_attn.q_norm', q);
      k = norm('self_attn.k_norm', k);
    }
    if (own.value) v = per(v, (h) => this.N('self_attn.v_norm', h));
    const gain = own.gain ? this.vector('self_attn.head_gain') : null;
    let out: Rows = x.map(() => []);
    for (let h = 0; h < heads; h++) {
      const cut = (rows: Rows) => rows.map((row) => row.slice(h * width, (h + 1) * width));
      const [qh, kh, vh] = [cut(q), cut(k), cut(v)];
      out = out.map((row, t) => {
        const weights = kh.map((key) => Math.exp(total(key.map((u, i) => u * qh[t][i])) / Math.sqrt(width)));
        const sum = total(weights);
        const mixed = vh[0].map((_, i) => total(vh.map((value, s) => (weights[s] / sum) * value[i])));
        return [...row, ...mixed.map((u) => u * (gain?.[h] ?? 1))];
      });
    }
    return this.linear('self_attn.out_proj', own.inner ? this.N('self_attn.inner_norm', out) : out);
  }

  ffn(x: Rows, inner = false): Rows {
    const h = this.linear('linear1', x).map((row) => row.map((v) => Math.max(0, v)));
    return this.linear('linear2', inner ? this.N('ffn_norm', h) : h);
  }
}

interface Streams {
  x: Rows;
  dual: Rows;
}

/** One layer: x and the second stream in, both out. l counts from 1. */
type Formula = (layer: Layer, streams: Streams, l: number) => Rows | Streams;

const pre: Formula = (at, { x }) => {
  const h = plus(x, at.attention(at.N('norm1', x)));
  return plus(h, at.ffn(at.N('norm2', h)));
};
const scaledPost = (at: Layer, x: Rows, stream: (rows: Rows, i: number) => Rows): Rows => {
  const h = at.N('norm1', plus(stream(x, 1), at.attention(x)));
  return at.N('norm2', plus(stream(h, 2), at.ffn(h)));
};
const post: Formula = (at, { x }) => scaledPost(at, x, (rows) => rows);
const peri: Formula = (at, { x }) => {
  const h = plus(x, at.N('norm1_out', at.attention(at.N('norm1', x))));
  return plus(h, at.N('norm2_out', at.ffn(at.N('norm2', h))));
};

export const formulas: Record<string, Formula> = {
  post,
  pre,
  peri,
  sandwich: peri,
  sub: (at, { x }) => {
    const h = plus(x, at.attention(at.N('norm1', x), { inner: true }));
    return plus(h, at.ffn(at.N('norm2', h), true));
  },
  deepnorm: (at, { x }) => scaledPost(at, x, (rows) => times(rows, (2 * at.sizes.layers) ** 0.25)),
  admin: (at, { x }) =>
    scaledPost(at, x, (rows, i) => {
      const omega = at.vector(`gain${i}`);
      return rows.map((row) => row.map((v, c) => v * omega[c]));
    }),
  rezero: (at, { x }) => {
    const h = plus(x, times(at.attention(x), at.vector('gain1')[0]));
    return plus(h, times(at.ffn(h), at.vector('gain2')[0]));
  },
  tfixup: (at, { x }) => {
    const h = plus(x, at.attention(x));
    return plus(h, at.ffn(h));
  },
  b2t: (at, { x }) => {
    const h = at.N('norm1', plus(x, at.attention(x)));
    return at.N('norm2', plus(plus(x, h), at.ffn(h)));
  },
  residual: (at, { x, dual }) => {
    const a = at.attention(x);
    const h = at.N('norm1', plus(x, a));
    const f = at.ffn(h);
    return { x: at.N('norm2', plus(h, f)), dual: plus(plus(dual, a), f) };
  },
  normformer: (at, { x }) => {
    const h = plus(x, at.N('norm1_out', at.attention(at.N('norm1', x), { gain: true })));
    return plus(h, at.ffn(at.N('norm2', h), true));
  },
  mix: (at, streams, l) =>
    (l <= Math.floor(at.sizes.mixFraction * at.sizes.layers) ? post : pre)(at, streams, l),
  hybrid: (at, streams, l) => {
    if (at.sizes.preFirst && l === 1)
      return pre(new Layer({ ...at.sizes, qk: null }, at.weights, at.prefix), streams, l);
    const h = at.N('norm2', plus(streams.x, at.attention(streams.x, { value: true })));
    return plus(h, at.ffn(h));
  },
  lns: (at, { x }, l) => {
    const h = plus(x, at.attention(times(at.N('norm1', x), 1 / Math.sqrt(l))));
    return plus(h, at.ffn(times(at.N('norm2', h), 1 / Math.sqrt(l))));
  },
  olmo2: (at, { x }) => {
    const h = plus(x, at.N('norm1', at.attention(x)));
    return plus(h, at.N('norm2', at.ffn(h)));
  },
};

/** Those whose stack ends with a norm. */
const final = ['pre', 'peri', 'sandwich', 'sub', 'normformer', 'mix', 'hybrid', 'lns', 'olmo2'];
/** Norms of queries and keys a placement has of its own. */
export const ownQk: Record<string, Sizes['qk']> = {
  hybrid: { kind: 'layer', whole: false },
  olmo2: { kind: 'layer', whole: true },
};

/** The whole stack, x (T, d). */
export function stack(placement: string, sizes: Sizes, weights: Weights, x: Rows): Rows {
  let streams: Streams = { x, dual: x };
  for (let l = 1; l <= sizes.layers; l++) {
    const out = formulas[placement](new Layer(sizes, weights, `layers.${l - 1}.`), streams, l);
    streams = Array.isArray(out) ? { x: out, dual: streams.dual } : out;
  }
  const end = new Layer(sizes, weights, '');
  if (placement === 'residual') return plus(streams.x, end.N('norm', streams.dual));
  return final.includes(placement) ? end.N('norm', streams.x) : streams.x;
}
