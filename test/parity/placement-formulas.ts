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
  /** Layers of the other stack; 0 where there is none. */
  otherLayers: number;
  decoder: boolean;
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

/** What a branch may have inside. */
interface Own {
  value?: boolean;
  inner?: boolean;
  gain?: boolean;
}

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
    const packed = name.endsWith('in_proj');
    const [w, b] = [packed ? `${name}_weight` : `${name}.weight`, packed ? `${name}_bias` : `${name}.bias`];
    const [weight, bias] = [this.vector(w), this.vector(b)];
    const width = x[0].length;
    const rows = Array.from({ length: (to ?? bias.length) - from }, (_, r) => r + from);
    return x.map((row) => rows.map((r) => bias[r] + total(row.map((v, i) => v * weight[r * width + i]))));
  }

  /**
   * Multi-head attention of `name`, over `memory` or (causally or not) over x itself; `value` norms the values, `inner`
   * the result, `gain` scales the heads.
   */
  attention(
    x: Rows,
    own: Own = {},
    name = 'self_attn',
    { memory, causal = false }: { memory?: Rows; causal?: boolean } = {},
  ): Rows {
    const { d, heads, qk, eps } = this.sizes;
    const width = d / heads;
    const per = (rows: Rows, f: (h: Rows) => Rows): Rows => {
      const parts = Array.from({ length: heads }, (_, h) =>
        f(rows.map((row) => row.slice(h * width, (h + 1) * width))),
      );
      return rows.map((_, t) => parts.flatMap((part) => part[t]));
    };
    let [q, k, v] = [x, memory ?? x, memory ?? x].map((from, i) =>
      this.linear(`${name}.in_proj`, from, i * d, (i + 1) * d),
    );
    if (qk?.kind === 'l2') {
      const [g] = this.vector(`${name}.qk_l2.g`);
      const unit = (h: Rows) =>
        h.map((row) => row.map((u) => u / Math.sqrt(total(row.map((w) => w * w)) + eps)));
      q = times(per(q, unit), g * Math.sqrt(width));
      k = per(k, unit);
    } else if (qk) {
      const { kind } = qk;
      const norm = (part: string, rows: Rows) =>
        qk.whole ? this.N(part, rows, kind) : per(rows, (h) => this.N(part, h, kind));
      q = norm(`${name}.q_norm`, q);
      k = norm(`${name}.k_norm`, k);
    }
    if (own.value) v = per(v, (h) => this.N(`${name}.v_norm`, h));
    const gain = own.gain ? this.vector(`${name}.head_gain`) : null;
    let out: Rows = x.map(() => []);
    for (let h = 0; h < heads; h++) {
      const cut = (rows: Rows) => rows.map((row) => row.slice(h * width, (h + 1) * width));
      const [qh, kh, vh] = [cut(q), cut(k), cut(v)];
      out = out.map((row, t) => {
        const weights = kh.map((key, at) =>
          causal && at > t ? 0 : Math.exp(total(key.map((u, i) => u * qh[t][i])) / Math.sqrt(width)),
        );
        const sum = total(weights);
        const mixed = vh[0].map((_, i) => total(vh.map((value, s) => (weights[s] / sum) * value[i])));
        return [...row, ...mixed.map((u) => u * (gain?.[h] ?? 1))];
      });
    }
    return this.linear(`${name}.out_proj`, own.inner ? this.N(`${name}.inner_norm`, out) : out);
  }

  ffn(x: Rows, own: Own = {}): Rows {
    const h = this.linear('linear1', x).map((row) => row.map((v) => Math.max(0, v)));
    return this.linear('linear2', own.inner ? this.N('ffn_norm', h) : h);
  }
}

/** The i-th sub-layer of layer l, counting from 1, in front of which x stood at x0 when the layer began. */
interface Sub {
  i: number;
  l: number;
  kind: 'attention' | 'cross' | 'ffn';
  last: boolean;
  x0: Rows;
  f(x: Rows, own?: Own): Rows;
}

/** x after one sub-layer; ResiDual also gives what the second stream gains. */
type Formula = (at: Layer, x: Rows, s: Sub) => Rows | { x: Rows; dual: Rows };

const post: Formula = (at, x, s) => at.N(`norm${s.i}`, plus(x, s.f(x)));
const pre: Formula = (at, x, s) => plus(x, s.f(at.N(`norm${s.i}`, x)));
const peri: Formula = (at, x, s) => plus(x, at.N(`norm${s.i}_out`, s.f(at.N(`norm${s.i}`, x))));

/** DeepNorm's, N layers in this stack and M in the other one. */
function alpha({ layers, otherLayers, decoder }: Sizes): number {
  if (!otherLayers) return (2 * layers) ** 0.25;
  return decoder ? (3 * layers) ** 0.25 : 0.81 * (layers ** 4 * otherLayers) ** (1 / 16);
}

export const formulas: Record<string, Formula> = {
  post,
  pre,
  peri,
  sandwich: peri,
  sub: (at, x, s) => plus(x, s.f(at.N(`norm${s.i}`, x), { inner: s.kind !== 'cross' })),
  deepnorm: (at, x, s) => at.N(`norm${s.i}`, plus(times(x, alpha(at.sizes)), s.f(x))),
  admin: (at, x, s) => {
    const omega = at.vector(`gain${s.i}`);
    const scaled = x.map((row) => row.map((v, c) => v * omega[c]));
    return at.N(`norm${s.i}`, plus(scaled, s.f(x)));
  },
  rezero: (at, x, s) => plus(x, times(s.f(x), at.vector('gain1')[0])),
  tfixup: (_, x, s) => plus(x, s.f(x)),
  b2t: (at, x, s) => at.N(`norm${s.i}`, plus(s.last ? plus(s.x0, x) : x, s.f(x))),
  residual: (at, x, s) => {
    const f = s.f(x);
    return { x: at.N(`norm${s.i}`, plus(x, f)), dual: f };
  },
  normformer: (at, x, s) => {
    if (s.kind !== 'attention') return plus(x, s.f(at.N(`norm${s.i}`, x), { inner: s.kind === 'ffn' }));
    return plus(x, at.N(`norm${s.i}_out`, s.f(at.N(`norm${s.i}`, x), { gain: true })));
  },
  mix: (at, x, s) => (s.l <= Math.floor(at.sizes.mixFraction * at.sizes.layers) ? post : pre)(at, x, s),
  hybrid: (at, x, s) => {
    if (at.sizes.preFirst && s.l === 1) return plus(x, s.f(at.N(`norm${s.i}`, x), { value: true }));
    if (s.kind !== 'ffn') return plus(x, s.f(x, { value: true }));
    const h = at.N(`norm${s.i}`, x);
    return plus(h, s.f(h));
  },
  lns: (at, x, s) => plus(x, s.f(times(at.N(`norm${s.i}`, x), 1 / Math.sqrt(s.l)))),
  olmo2: (at, x, s) => plus(x, at.N(`norm${s.i}`, s.f(x))),
};

/** Those whose stack ends with a norm. */
const final = ['pre', 'peri', 'sandwich', 'sub', 'normformer', 'mix', 'hybrid', 'lns', 'olmo2'];
/** Norms of queries and keys a placement has of its own. */
export const ownQk: Record<string, Sizes['qk']> = {
  hybrid: { kind: 'layer', whole: false },
  olmo2: { kind: 'layer', whole: true },
};

/** The sub-layers of a layer: two, or with the encoder's output `memory` three, the first of them causal. */
function subLayers(at: Layer, memory: Rows | undefined): Pick<Sub, 'kind' | 'f'>[] {
  const ffn = { kind: 'ffn', f: (x: Rows, own?: Own) => at.ffn(x, own) } as const;
  if (!memory) return [{ kind: 'attention', f: (x, own) => at.attention(x, own) }, ffn];
  return [
    { kind: 'attention', f: (x, own) => at.attention(x, own, 'self_attn', { causal: true }) },
    { kind: 'cross', f: (x, own) => at.attention(x, own, 'multihead_attn', { memory }) },
    ffn,
  ];
}

/** The whole stack, x (T, d); a decoder's with the encoder's output `memory` (S, d). */
export function stack(placement: string, sizes: Sizes, weights: Weights, x: Rows, memory?: Rows): Rows {
  let dual = x;
  for (let l = 1; l <= sizes.layers; l++) {
    const at = new Layer(sizes, weights, `layers.${l - 1}.`);
    const x0 = x;
    const all = subLayers(at, memory);
    all.forEach((sub, i) => {
      const out = formulas[placement](at, x, { ...sub, i: i + 1, l, last: i + 1 === all.length, x0 });
      if (Array.isArray(out)) x = out;
      else {
        x = out.x;
        dual = plus(dual, out.dual);
      }
    });
  }
  // ResiDual's last eps is a hundredth of the others'.
  const eps = placement === 'residual' ? sizes.eps / 100 : sizes.eps;
  const end = new Layer({ ...sizes, eps }, weights, '');
  if (placement === 'residual') return plus(x, end.N('norm', dual));
  return final.includes(placement) ? end.N('norm', x) : x;
}

/** Variance of all elements. */
function variance(x: Rows): number {
  const all = x.flat();
  const mean = total(all) / all.length;
  return total(all.map((v) => (v - mean) ** 2)) / all.length;
}

/** Admin's ω of every sub-layer of a stack, each measured with those before it in place; weights' ω are not read. */
export function adminOmegas(sizes: Sizes, weights: Weights, x: Rows, memory?: Rows): number[] {
  const omegas: number[] = [];
  let omega = 1;
  for (let l = 0; l < sizes.layers; l++) {
    const at = new Layer(sizes, weights, `layers.${l}.`);
    for (const [i, { f }] of subLayers(at, memory).entries()) {
      omegas.push(omega);
      const [skip, y] = [times(x, omega), f(x)];
      omega = Math.sqrt(variance(skip) + variance(y));
      x = at.N(`norm${i + 1}`, plus(skip, y));
    }
  }
  return omegas;
}
