/**
 * @file The registration of claims on one's own data: what is asked, the bars and the expectations, written down before the
 * first run and never changed. Who asks anew, or of other data, does it in another folder.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';
import type { Preset } from '../experiments/index.js';
import { readJson, writeText } from './files.js';
import { canonical } from './run-store.js';
import { packageVersion } from './version.js';

/** Writes `registration.json` into `out`, or makes sure that what is there is the same. @throws ConfigError */
export async function register(
  out: string,
  { name, scale, experiments }: Preset,
  dataHash: string | undefined,
): Promise<void> {
  const path = join(out, 'registration.json');
  const registration = {
    format: 'prenorm-registration',
    prenorm: packageVersion(),
    preset: name,
    seed: scale.seed,
    dataHash: dataHash ?? null,
    claims: experiments.flatMap(({ experiment }) =>
      experiment.claims.map(({ claim, statement, protocol, expected, control }) => ({
        claim,
        statement,
        protocol,
        expected: typeof expected === 'function' ? expected(scale) : expected,
        control: 'factor' in control ? control.factor : control.none,
      })),
    ),
    // All of them, whichever were asked for.
    runs: experiments.flatMap(({ runs, whole = runs }) => whole.map(({ id, label }) => ({ id, label }))),
  };
  if (!existsSync(path)) {
    await writeText(path, `${JSON.stringify(registration, null, 1)}\n`);
    return;
  }
  const before = await readJson(path);
  if (JSON.stringify(canonical(before)) === JSON.stringify(canonical(registration))) return;
  throw new ConfigError('something else was registered here: other data, other claims or another version', {
    op: 'reproduce',
    path,
    hint: 'choose another folder with --out',
  });
}
