/** @file The angles of rotary positions (Su et al. 2021, arXiv 2104.09864), and how longer texts stretch them. */
import { Variable } from '../autograd/variable.js';
import { checkOptions, checkValue, integer, optional, positive, type Rule } from '../checks.js';
import { isJsonObject } from '../json.js';
import { cos64, pow64, sin64 } from '../runtime/math.js';
import { currentRuntime, type Runtime } from '../runtime/runtime.js';
import { persistentStorage } from '../tensor/tensor.js';

/** `linear` (Chen et al. 2023, arXiv 2306.15595): every position counts 1/factor. */
export interface LinearRopeScaling {
  type: 'linear';
  factor: number;
}

/**
 * `llama3` (Llama 3.1): frequencies whose wave is longer than originalMaxSeqLen / lowFreqFactor are divided by the factor,
 * those with a shorter one than originalMaxSeqLen / highFreqFactor stay, in between there is a ramp.
 */
export interface Llama3RopeScaling {
  type: 'llama3';
  factor: number;
  lowFreqFactor: number;
  highFreqFactor: number;
  /** Positions the model was trained with before it was stretched. */
  originalMaxSeqLen: number;
}

/** How rotary positions are stretched to texts longer than those of the training. */
export type RopeScaling = LinearRopeScaling | Llama3RopeScaling;

/** Rotary positions of an attention. */
export interface RotaryPositions {
  /** Most positions there will be: the length of the table. */
  maxSeqLen: number;
  /** Component pair i turns by position · theta^(-2i / dHead). Default 10000. */
  theta?: number;
  /** How they are stretched. Default: not at all. */
  scaling?: RopeScaling | null;
}

/** The width of a head that is turned in pairs. */
const even: Rule = {
  wanted: 'a positive even integer',
  holds: (n) => integer(2).holds((n as number) / 2 + 1),
};

/** Whether these, beside the type, are all its keys, with numbers above 0. */
const hasNumbers = (value: Record<string, unknown>, ...keys: string[]): boolean =>
  Object.keys(value).length === keys.length + 1 && keys.every((key) => positive.holds(value[key]));

/** null, or a scaling with all its keys. */
export const ropeScalingRule: Rule = {
  wanted:
    "null, { type: 'linear', factor } or { type: 'llama3', factor, lowFreqFactor, highFreqFactor, originalMaxSeqLen }, numbers > 0, low < high",
  holds: (value) => {
    if (!isJsonObject(value)) return value === null;
    const { type, lowFreqFactor: low, highFreqFactor: high } = value;
    if (type !== 'llama3') return type === 'linear' && hasNumbers(value, 'factor');
    const names = ['factor', 'lowFreqFactor', 'highFreqFactor', 'originalMaxSeqLen'];
    return hasNumbers(value, ...names) && (low as number) < (high as number);
  },
};

/** Tables by what they are made of, for as long as an attention holds them; `persistent` is where they lie. */
const tables = new WeakMap<Runtime['persistent'], Map<string, WeakRef<Variable>>>();

/** How many have each: a free() inside a synchronous loop cannot wait for the garbage collector to see that nobody does. */
const holders = new WeakMap<Variable, number>();

/** Gives back what `rotaryTable` gave; the last of its holders frees the table's memory. @internal */
export function releaseRotaryTable(table: Variable): void {
  const left = (holders.get(table) ?? 1) - 1;
  holders.set(table, left);
  if (left === 0) table.storage.release();
}

/**
 * (maxSeqLen, dHead): of every position dHead/2 cosines, then as many sines. Attentions with the same angles share one.
 * @throws ConfigError for an odd dHead or a value out of range
 */
export function rotaryTable(dHead: number, options: RotaryPositions): Variable {
  checkValue('rotaryTable', 'dHead', dHead, even);
  checkOptions('rotaryTable', options, {
    maxSeqLen: integer(1),
    theta: optional(positive),
    scaling: optional(ropeScalingRule),
  });
  const { maxSeqLen, theta = 10000, scaling = null } = options;
  const runtime = currentRuntime();
  const { persistent } = runtime;
  const known = tables.get(persistent) ?? new Map<string, WeakRef<Variable>>();
  tables.set(persistent, known);
  const key = JSON.stringify([dHead, maxSeqLen, theta, scaling]);
  const shared = known.get(key)?.deref();
  const count = shared && holders.get(shared);
  if (shared && count) {
    holders.set(shared, count + 1);
    return shared;
  }
  const half = dHead / 2;
  const values = new (runtime.precision === 'f64' ? Float64Array : Float32Array)(maxSeqLen * dHead);
  for (let i = 0; i < half; i++) {
    const frequency = stretched(1 / pow64(theta, (2 * i) / dHead), scaling);
    for (let t = 0; t < maxSeqLen; t++) {
      values[t * dHead + i] = cos64(t * frequency);
      values[t * dHead + half + i] = sin64(t * frequency);
    }
  }
  const storage = persistentStorage(runtime, 'f32', values.length);
  storage.write(0, values);
  const table = new Variable(storage, [maxSeqLen, dHead]);
  known.set(key, new WeakRef(table));
  holders.set(table, 1);
  return table;
}

function stretched(frequency: number, scaling: RopeScaling | null): number {
  if (!scaling) return frequency;
  const slow = frequency / scaling.factor;
  if (scaling.type === 'linear') return slow;
  const { lowFreqFactor: low, highFreqFactor: high, originalMaxSeqLen } = scaling;
  const waves = (originalMaxSeqLen * frequency) / (2 * Math.PI);
  if (waves < low) return slow;
  if (waves > high) return frequency;
  const share = (waves - low) / (high - low);
  return (1 - share) * slow + share * frequency;
}
