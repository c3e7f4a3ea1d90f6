/**
 * @file Machines as network namespaces: each has a network of its own with one address, and a wire to a bridge of this one,
 * which no other interface is joined to.
 */
import { spawnSync } from 'node:child_process';

const NET = '10.251.77';

export class Network {
  hub = `${NET}.1`;
  #bridge = `pq${process.pid}`.slice(0, 12);

  /** @param {number} count */
  constructor(count) {
    this.count = count;
  }

  /** Undefined where this process may not make them. */
  static made(count) {
    // Elsewhere its addresses would be those of the machine.
    if (!process.env.PRENORM_PROOF_NETWORK) return undefined;
    const network = new Network(count);
    try {
      network.#make();
      return network;
    } catch {
      network.end();
      return undefined;
    }
  }

  #name = (i) => `${this.#bridge}-${i}`;
  #wire = (i) => `${this.#bridge}v${i}`.slice(-14);

  #make() {
    ip('link', 'add', this.#bridge, 'type', 'bridge');
    ip('addr', 'add', `${this.hub}/24`, 'dev', this.#bridge);
    ip('link', 'set', this.#bridge, 'up');
    for (let i = 0; i < this.count; i++) {
      const name = this.#name(i);
      ip('netns', 'add', name);
      ip('link', 'add', this.#wire(i), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      ip('link', 'set', this.#wire(i), 'master', this.#bridge, 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'addr', 'add', `${this.address(i)}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
    }
  }

  address = (i) => `${NET}.${10 + i}`;

  /** What a command in that namespace begins with. */
  within = (i) => ['ip', 'netns', 'exec', this.#name(i)];

  cut(i) {
    ip('link', 'set', this.#wire(i), 'down');
  }

  join(i) {
    ip('link', 'set', this.#wire(i), 'up');
  }

  end() {
    for (let i = 0; i < this.count; i++) spawnSync('ip', ['netns', 'del', this.#name(i)]);
    spawnSync('ip', ['link', 'del', this.#bridge]);
  }
}

function ip(...args) {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}
