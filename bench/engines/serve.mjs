/**
 * @file A rival in a process of its own, told on standard input what to do, a JSON text a line, so that rounds of
 * several engines can take turns: {"steps": N} runs N training steps and answers {"ms": [...], "cpuMs": [...], "losses": [...]}: milliseconds that
 * passed, and those that the process computed.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** The model, batch and weights that every engine starts from; see ../model-file.mjs. */
export function readModel(path) {
  const { tensors, batch, ...rest } = JSON.parse(readFileSync(path, 'utf8'));
  const bytes = readFileSync(rest.weights);
  const weights = new Map(
    tensors.map(({ name, shape, offset, size }) => [
      name,
      { shape, data: new Float32Array(bytes.buffer, bytes.byteOffset + offset * 4, size).slice() },
    ]),
  );
  return { ...rest, weights, ids: Int32Array.from(batch.ids), targets: Int32Array.from(batch.targets) };
}

/** `step()` makes one update and returns (a promise of) the loss before it; it must not return early. */
export async function serve(build, step) {
  const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  say({ build });
  for await (const line of createInterface({ input: process.stdin })) {
    const { steps } = JSON.parse(line);
    const ms = [];
    const cpuMs = [];
    const losses = [];
    try {
      for (let i = 0; i < steps; i++) {
        const computed = process.cpuUsage();
        const before = performance.now();
        losses.push(await step());
        ms.push(performance.now() - before);
        const { user, system } = process.cpuUsage(computed);
        cpuMs.push((user + system) / 1000);
      }
      say({ ms, cpuMs, losses });
    } catch (error) {
      say({ error: String(error?.stack ?? error).slice(0, 500) });
    }
  }
}
