/** @file `prenorm info`: what this host can do, versions and hashes; of a model, what it is. */

import { arch, cpus, platform } from 'node:os';
import { capabilities } from '../runtime/capabilities.js';
import { relaxedWasmHash, strictWasmHash } from '../runtime/generated/wasm-hash.js';
import { forOutput } from '../terminal/output.js';
import { put } from '../terminal/write.js';
import { EXIT } from './errors.js';
import { type EngineOptions, start } from './start.js';
import { packageVersion } from './version.js';

export async function info(
  path: string | undefined,
  options: EngineOptions & { json?: boolean },
): Promise<number> {
  await start(options);
  if (path !== undefined) {
    const { value, text } = await (await import('./model-info.js')).modelFacts(path);
    put(options.json ? `${JSON.stringify(value, null, 1)}\n` : `${forOutput(text, process.stdout)}\n`);
    return EXIT.done;
  }
  const can = capabilities();
  const value = {
    prenorm: packageVersion(),
    runtime: `Node ${process.version}, V8 ${process.versions.v8}`,
    platform: `${platform()} ${arch()}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    ...can,
    kernels: { strict: strictWasmHash, relaxed: relaxedWasmHash },
  };
  if (options.json) put(`${JSON.stringify(value, null, 1)}\n`);
  else {
    const lines = [
      `prenorm ${value.prenorm}`,
      `${value.runtime}; ${value.platform}; ${value.cpu}, ${value.cores} cores`,
      `arithmetic: ${can.arithmetic}${can.microKernel ? `, by ${can.microKernel} (${can.microKernelReason})` : ''}; relaxed simd: ${can.relaxedSimd ? 'available (opt-in, not reproducible)' : 'not available'}`,
      `threads: ${can.threads} (${can.threadsReason})`,
      `memory: ${(can.maxMemory / 2 ** 30).toFixed(0)} GiB at most`,
      `strict kernels  ${strictWasmHash}`,
      `relaxed kernels ${relaxedWasmHash}`,
    ];
    put(`${forOutput(lines.join('\n'), process.stdout)}\n`);
  }
  return EXIT.done;
}
