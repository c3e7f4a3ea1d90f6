/** @file The hash of a training, by which equal runs know each other. */
import { Sha256 } from '../io/sha256.js';
import type { Module } from '../nn/module.js';

/** SHA-256 over the losses, as doubles, and the model's weights in the order of their names' declaration. */
export function runHash(losses: readonly number[], model: Module): string {
  const hash = new Sha256();
  hash.update(new Uint8Array(Float64Array.from(losses).buffer));
  for (const [, parameter] of model.namedParameters()) {
    const values = parameter.toArray();
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.hex();
}
