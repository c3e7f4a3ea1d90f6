/**
 * @file What docs/many-machines.md says of queues, measured: `npm run queue-proof -- PART…`, after a build. Needs redis-server.
 * Where this process may, it is in a network of its own, so that nothing leaves it: parts with several addresses need that.
 */
import { spawnSync } from 'node:child_process';

/** @type {Record<string, () => Promise<void>>} */
const parts = {
  quick: async () => (await import('./queue-proof/quick.mjs')).quick(),
  chaos: async () => (await import('./queue-proof/chaos.mjs')).chaos(),
  liar: async () => (await import('./queue-proof/liar.mjs')).liar(),
  overhead: async () => (await import('./queue-proof/overhead.mjs')).overhead(),
  namespaces: async () => (await import('./queue-proof/namespaces.mjs')).namespaces(),
  'bad-input': async () => (await import('./queue-proof/bad-input.mjs')).badInput(),
};
const asked = process.argv.slice(2);
const unknown = asked.find((name) => !Object.hasOwn(parts, name));
if (asked.length === 0 || unknown !== undefined) {
  console.error(`queue-proof: ${unknown ?? 'nothing'} is none of ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}
const mayLeave = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
if (mayLeave && !process.env.PRENORM_PROOF_NETWORK) {
  const line = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status } = spawnSync(
    'unshare',
    ['-n', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', ...line],
    {
      stdio: 'inherit',
      env: { ...process.env, PRENORM_PROOF_NETWORK: 'own' },
    },
  );
  process.exit(status ?? 1);
}
for (const name of asked) {
  console.log(`\n== ${name}`);
  await parts[name]();
}
