/** @file The Redis of a queue: its address, whether it can hold one, and whatever is wrong with it as one clear line. */
import type { Redis, RedisOptions } from 'ioredis';
import { ConfigError, EnvironmentError, PrenormError } from '../../errors.js';
import { note } from '../errors.js';
import { loadPeer } from '../peer.js';

export type BullMQ = typeof import('bullmq');

/** A server that answers, and what talks to it. */
export interface QueueServer {
  /** For messages; nothing secret is in it. */
  address: string;
  bullmq: BullMQ;
  /** Waits through an outage. BullMQ works on it too, and on copies where it blocks. */
  redis: Redis;
  close(): void;
}

/** What commands of BullMQ and of ours take, ZMSCORE among them. */
const OLDEST = [6, 2];
const PASSWORD = 'PRENORM_REDIS_PASSWORD';
const USERNAME = 'PRENORM_REDIS_USERNAME';
/** Milliseconds for an answer, to a server that is new to us. */
const PATIENCE = 10_000;
/** A server that is up again reads its file before it answers. */
const LOADING = 120_000;
/** Milliseconds without any answer after which a connection is taken for dead; longer than any command blocks. */
const SILENCE = 30_000;

/**
 * `redis://HOST[:PORT][/DATABASE]`, or `rediss://` for TLS.
 * @throws ConfigError, also for a password: a command line is seen by others
 */
export function parseAddress(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): { address: string; options: RedisOptions } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (text.includes('@')) {
    throw new ConfigError(
      'a name or a password stands in the address, where everybody on this machine sees it',
      {
        op: '--queue',
        hint: `take it out, and put it into the environment variable ${PASSWORD} (a name into ${USERNAME})`,
      },
    );
  }
  const database = /^(?:\/(\d*))?$/.exec(url?.pathname ?? '-');
  if (
    !url ||
    !/^rediss?:$/.test(url.protocol) ||
    url.hostname === '' ||
    !database ||
    url.search ||
    url.hash
  ) {
    throw new ConfigError(`${text} is no address of a Redis`, {
      op: '--queue',
      expected: 'redis://HOST, redis://HOST:PORT/DATABASE, or rediss:// for TLS',
      actual: text,
      hint: 'write redis://HOST or redis://HOST:PORT, or rediss:// for TLS',
    });
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? 6379 : Number(url.port);
  const db = Number(database[1] ?? 0);
  const { [PASSWORD]: password, [USERNAME]: username } = environment;
  return {
    address: `${url.protocol}//${url.hostname}:${port}${db > 0 ? `/${db}` : ''}`,
    options: {
      host,
      port,
      db,
      ...(username && { username }),
      ...(password && { password }),
      ...(url.protocol === 'rediss:' && { tls: { servername: host } }),
    },
  };
}

/**
 * @throws ConfigError for an address that is none, EnvironmentError without BullMQ, without a server, and for one that
 * is too old, full, or would drop what it holds
 */
export async function openServer(text: string): Promise<QueueServer> {
  const { address, options } = parseAddress(text);
  const bullmq = named<BullMQ>(await peer('bullmq'), 'Queue');
  const { Redis } = named<typeof import('ioredis')>(await peer('ioredis'), 'Redis');
  await probe(new Redis({ ...options, ...ONCE }), address);
  const redis = new Redis({
    ...options,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(100 * times, 2000),
    keepAlive: 10_000,
    socketTimeout: SILENCE,
  });
  reportOutages(redis, address);
  return { address, bullmq, redis, close: () => redis.disconnect() };
}

const ONCE: RedisOptions = {
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  // It asks the same as we do, and keeps the answer to itself.
  enableReadyCheck: false,
  connectTimeout: PATIENCE,
  commandTimeout: PATIENCE,
};

async function peer(name: string): Promise<object> {
  try {
    return await loadPeer<object>(name);
  } catch (cause) {
    throw new EnvironmentError(`${name} is not installed, which the queue is made with`, {
      op: '--queue',
      hint: 'npm install bullmq ioredis',
      cause,
    });
  }
}

/** The names of a package that may have come as one object. */
const named = <T>(module: object, name: string): T =>
  (name in module ? module : (module as { default: object }).default) as T;

async function probe(redis: Redis, address: string): Promise<void> {
  const heard: unknown[] = [];
  redis.on('error', (error) => heard.push(error));
  try {
    await redis.connect();
    checkServer(await infoOf(redis), address);
  } catch (error) {
    if (error instanceof PrenormError) throw error;
    // What is said of the connection afterwards hides why it has ended.
    throw serverError(heard.find(isRefusal) ?? (isRefusal(error) ? error : (heard[0] ?? error)), address);
  } finally {
    redis.disconnect();
  }
}

const isRefusal = (error: unknown): boolean => /WRONGPASS|NOAUTH|NOPERM|DENIED/.test(String(error));

async function infoOf(redis: Redis): Promise<string> {
  for (const begun = performance.now(); ; ) {
    try {
      return await redis.info();
    } catch (error) {
      if (!/^LOADING/.test((error as Error).message) || performance.now() - begun > LOADING) throw error;
      await new Promise((done) => setTimeout(done, 200));
    }
  }
}

function checkServer(info: string, address: string): void {
  const fact = (name: string): string => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';
  const version = fact('redis_version');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new EnvironmentError(`this Redis is version ${version || 'unknown'}, too old for a queue`, {
      path: address,
      expected: OLDEST.join('.'),
      actual: version,
      hint: `use Redis ${OLDEST.join('.')} or later, or Valkey`,
    });
  }
  const [most, used] = [Number(fact('maxmemory')), Number(fact('used_memory'))];
  if (most > 0 && fact('maxmemory_policy') !== 'noeviction') {
    throw new EnvironmentError('this Redis drops what it holds when it is full, runs and results among it', {
      path: address,
      expected: 'noeviction',
      actual: fact('maxmemory_policy'),
      hint: 'set its maxmemory-policy to noeviction',
    });
  }
  if (most > 0 && used >= most) throw full(address);
}

const full = (path: string, cause?: unknown): EnvironmentError =>
  new EnvironmentError('this Redis is full', {
    path,
    cause,
    hint: 'raise its maxmemory; what it holds stays, and the same command goes on',
  });

/** By what is found in the words of Redis, of its client and of the system. */
const CAUSES: readonly [RegExp, message: string, hint: string][] = [
  [
    /WRONGPASS|NOAUTH|invalid password/,
    'this Redis wants another password',
    `put the password into the environment variable ${PASSWORD}, and a name of its ACL into ${USERNAME}`,
  ],
  [/NOPERM/, 'this name may not do there what a queue takes', 'give it ~* +@all in the ACL of that database'],
  [/DENIED/, 'this Redis takes no connection from other machines', 'give it a password (requirepass)'],
  [/READONLY/, 'this Redis is a copy that takes no changes', 'give the address of its primary'],
  [/MISCONF/, 'this Redis cannot write to its disk', 'free some space there; what it holds stays'],
  [/ENOTFOUND|EAI_AGAIN/, 'there is no host of this name', 'check the address'],
  [
    /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNRESET|EPIPE|closed|timed out/i,
    'no Redis answers there',
    'start redis-server there, or check address, port and firewall',
  ],
  [
    /certificate|SSL|TLS/i,
    'the TLS connection failed',
    'check rediss://, and NODE_EXTRA_CA_CERTS for a CA of your own',
  ],
  [/Protocol error|parse/i, 'what answers there is no Redis', 'check address and port'],
];

/** Whatever a command of Redis threw, as one clear line; what it did not throw as it is. */
export function serverError(error: unknown, address: string): Error {
  if (error instanceof PrenormError || (error as Error)?.name === 'AbortError') return error as Error;
  const text = `${(error as { code?: unknown })?.code ?? ''} ${(error as Error)?.message ?? error}`;
  if (/\bOOM\b/.test(text)) return full(address, error);
  const [, message, hint] = CAUSES.find(([pattern]) => pattern.test(text)) ?? [];
  if (message === undefined) return error as Error;
  return new EnvironmentError(message, { path: address, hint, cause: error });
}

/** One line when the server goes, and one when it is back: meanwhile everything waits. */
function reportOutages(redis: Redis, address: string): void {
  let gone = false;
  redis.on('error', (error) => {
    if (gone) return;
    gone = true;
    note(`${serverError(error, address).message}; waiting for it`);
  });
  redis.on('ready', () => {
    if (gone) note(`${address}: it answers again`);
    gone = false;
  });
}
