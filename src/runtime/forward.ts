/**
 * @file The kernels that a trained model needs, without those that train: `prenorm/inference`. The functions are
 * taken out of the strict build as they are, so what is left computes the same bits.
 */
import { EnvironmentError } from '../errors.js';
import { fromBase64, inflate, int12Wasm } from './host.js';
import { createRuntimeFrom, type InitOptions, initFrom, type KernelSupply } from './init.js';
import { onDemand } from './node-builtin.js';
import type { Runtime } from './runtime.js';

const forward: KernelSupply = {
  load: async (arithmetic) => {
    if (arithmetic === 'int12') return int12Wasm();
    if (arithmetic === 'relaxed') {
      throw new EnvironmentError('this entry has the strict kernels only', {
        op: 'init',
        hint: "leave out arithmetic: 'relaxed', or import init from `prenorm`",
      });
    }
    const { forwardWasmBase64 } = await onDemand(import('./generated/wasm-forward.js'));
    return inflate(fromBase64(forwardWasmBase64));
  },
  complete: async (kernels) => {
    const { leftOut } = await onDemand(import('./generated/wasm-forward.js'));
    return { ...kernels, ...Object.fromEntries(leftOut.split(' ').map((name) => [name, refusal(name)])) };
  },
};

function refusal(name: string): () => never {
  return () => {
    throw new EnvironmentError(`${name} is a kernel for training, and prenorm/inference has none of those`, {
      op: name,
      hint: 'import init from `prenorm` in programs that train or compute a loss',
    });
  };
}

/** Like `init` of `prenorm`, with the kernels of the forward pass only. */
export function init(options: InitOptions = {}): Promise<Runtime> {
  return initFrom(forward, options);
}

/** Like `createRuntime` of `prenorm`, with the kernels of the forward pass only. */
export function createRuntime(options: InitOptions = {}): Promise<Runtime> {
  return createRuntimeFrom(forward, options);
}
