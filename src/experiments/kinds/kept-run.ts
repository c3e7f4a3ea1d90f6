/**
 * @file A run under way as bytes: the trainer's checkpoint, and beside it what the run has measured so far. A run that goes on
 * from them leaves the record that it would have left without an interruption.
 */
import { sha256 } from '../../io/sha256.js';
import { isJsonObject } from '../../json.js';
import type { Trainer } from '../../train/index.js';
import { decodeBytes, encodeBytes } from '../../utf8.js';
import type { RunCheckpoints } from './run-kind.js';

/** Bytes that say how long the JSON is. */
const HEAD = 4;

/** Keeps a run now and then, and finds it again. `S` is plain data without numbers that are not finite. */
export class KeptRun<B, S extends object> {
  constructor(
    readonly checkpoints: RunCheckpoints | undefined,
    readonly trainer: Trainer<B>,
  ) {}

  /** What was measured so far, with the trainer where it was then; undefined where the run begins. */
  async restore(): Promise<S | undefined> {
    const bytes = await this.checkpoints?.read();
    const found = bytes && parts(bytes);
    if (!found) return undefined;
    try {
      this.trainer.restore(found.trainer);
    } catch {
      // Of another version or another run: the run begins anew, at the cost of time alone.
      return undefined;
    }
    return found.state as S;
  }

  /** Keeps the run, when it is time to. */
  async step(state: () => S): Promise<void> {
    const { checkpoints, trainer } = this;
    if (!checkpoints?.isDue()) return;
    const saved = trainer.save();
    const json = encodeBytes(JSON.stringify({ state: state(), sha256: sha256(saved) }));
    const bytes = new Uint8Array(HEAD + json.length + saved.length);
    new DataView(bytes.buffer).setUint32(0, json.length, true);
    bytes.set(json, HEAD);
    bytes.set(saved, HEAD + json.length);
    await checkpoints.write(bytes);
  }
}

/** Undefined for what is damaged. */
function parts(bytes: Uint8Array): { state: unknown; trainer: Uint8Array } | undefined {
  if (bytes.length < HEAD) return undefined;
  const end = HEAD + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  try {
    const value: unknown = JSON.parse(decodeBytes(bytes.subarray(HEAD, end)));
    const trainer = bytes.slice(end);
    if (isJsonObject(value) && value.sha256 === sha256(trainer)) return { state: value.state, trainer };
  } catch {}
  return undefined;
}
