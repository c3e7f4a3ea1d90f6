/** @file 300 runs while workers are killed, the Redis is restarted, and a network is cut: none lost, none twice, none differing. */
import { claim, Lab, now, pause, prenorm, printTable } from './lab.mjs';
import { Network } from './network.mjs';
import { hashesOf, resultsIn, timesTold, writeGrid } from './runs.mjs';

const RUNS = 300;
const STEPS = 1500;
const WORKERS = 6;
/** Seconds. */
const KILL_EVERY = 4;
const RESTARTS = [15, 40];
const CUT = { from: 8, for: 60 };
const ARGS = ['--concurrency', '1', '--lock', '5'];

export async function chaos() {
  const lab = new Lab();
  const network = Network.made(WORKERS + 1);
  try {
    const redis = await lab.start(
      ...(network ? ['--bind', '127.0.0.1', network.hub, '--protected-mode', 'no'] : []),
    );
    const cwd = lab.place('asking');
    writeGrid(cwd, RUNS, STEPS);
    const local = await prenorm(['sweep', 'grid.json', '--out', 'here', '--processes', '6'], cwd);
    claim(local.code === 0, `the ${RUNS} runs on this machine alone`);
    const far = network ? `redis://${network.hub}:${redis.port}` : lab.address;
    // The first one is cut from the network, and not killed.
    const cut = await lab.worker('cut', ARGS, network?.within(0) ?? [], far);
    const others = [];
    for (let i = 1; i < WORKERS; i++)
      others.push(await lab.worker(`w${i}`, ARGS, network?.within(i) ?? [], far));
    const begun = now();
    let isOver = false;
    const asking = prenorm(['sweep', 'grid.json', '--out', 'far', '--queue', lab.address], cwd).finally(
      () => {
        isOver = true;
      },
    );
    let [kills, restarts] = [0, 0];
    const until = async (seconds) => {
      while (!isOver && now() - begun < seconds) await pause(100);
      return !isOver;
    };
    /** As a service manager starts it: until it stays. */
    const again = async (i) => {
      for (;;) {
        try {
          return await lab.worker(`w${i}`, ARGS, network?.within(i) ?? [], far);
        } catch {
          await pause(500);
        }
      }
    };
    const killing = (async () => {
      for (let i = 0; await until((i + 1) * KILL_EVERY); i++) {
        const at = i % others.length;
        await lab.kill(others[at]);
        kills++;
        others[at] = await again(at + 1);
      }
    })();
    const restarting = (async () => {
      for (const second of RESTARTS) {
        if (!(await until(second))) return;
        await redis.down();
        await pause(1000);
        await redis.up();
        restarts++;
      }
    })();
    const cutting = (async () => {
      if (!network || !(await until(CUT.from))) return;
      network.cut(0);
      await until(CUT.from + CUT.for);
      network.join(0);
    })();
    const { code, stderr } = await asking;
    const seconds = now() - begun;
    await Promise.all([killing, restarting, cutting]);
    claim(code === 0, `the same on ${WORKERS} workers ends with ${code}`);
    if (code !== 0) console.log(stderr.slice(-2000));
    const [here, there] = [resultsIn(cwd, 'here'), resultsIn(cwd, 'far')];
    const told = [...timesTold(stderr).values()];
    claim(there.runs.length === RUNS, `${there.runs.length} of ${RUNS} results`);
    claim(told.length === RUNS && told.every((times) => times === 1), 'none told of twice');
    const equal = hashesOf(here).filter((line, at) => line === hashesOf(there)[at]).length;
    claim(equal === RUNS, `${equal} of ${RUNS} with the hash of this machine alone`);
    claim(
      kills >= 5 && restarts === RESTARTS.length,
      `${kills} workers killed, Redis restarted ${restarts} times`,
    );
    const ofCut = Object.values(there.computedBy.runs).filter((worker) => worker.startsWith('cut-')).length;
    if (network)
      claim(cut.child.exitCode === null, `the worker whose network was cut is alive, with ${ofCut} runs`);
    else console.log('skipped: no right to make network namespaces, so no network is cut');
    printTable(
      [
        'runs',
        'workers killed',
        'restarts of Redis',
        'network cut',
        'results',
        'twice',
        'differing',
        'seconds',
      ],
      [
        [
          RUNS,
          kills,
          restarts,
          network ? `${CUT.for} s` : 'no',
          there.runs.length,
          told.filter((n) => n > 1).length,
          RUNS - equal,
          seconds.toFixed(0),
        ],
      ],
    );
  } finally {
    await lab.end();
    network?.end();
  }
}
