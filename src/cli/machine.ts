/** @file What a results file says of the versions and the machine that made it. */
import { arch, cpus, platform } from 'node:os';
import { pinnedFor } from '../conformance/index.js';
import type { ComputedBy, Results } from '../experiments/index.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import { strictWasmHash } from '../runtime/generated/wasm-hash.js';
import type { RunStore } from './run-store.js';
import { packageVersion } from './version.js';

type Made = Required<Pick<Results, 'prenorm' | 'kernelHash' | 'conformance' | 'environment'>>;

export function madeBy(arithmetic: Arithmetic, processes: number): Made {
  return {
    prenorm: packageVersion(),
    kernelHash: strictWasmHash,
    conformance: pinnedFor(arithmetic).total,
    environment: {
      runtime: `Node ${process.version}`,
      platform: `${platform()} ${arch()}`,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      processes,
    },
  };
}

/** Who carried out which run, where a queue had one of them. */
export function computedBy(groups: readonly { store: RunStore }[]): { computedBy?: ComputedBy } {
  const all = groups.flatMap(({ store }) => [...store.machines]);
  if (all.length === 0) return {};
  const machines = new Map(all.map(([, machine]) => [machine.worker, machine]));
  return {
    computedBy: {
      machines: [...machines.values()],
      runs: Object.fromEntries(all.map(([id, { worker }]) => [id, worker])),
    },
  };
}
