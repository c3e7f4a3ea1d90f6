/**
 * @file `prenorm lab`: serves the Lab with the headers that isolate it, writes it as one file, or trains a link here and
 * prints the fingerprint that its page shows.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '../errors.js';
import { sha256 } from '../io/sha256.js';
import { type LabConfiguration, laneName } from '../lab/configuration.js';
import { decodeLab, encodeLab } from '../lab/link.js';
import { labPage } from '../lab/page.js';
import { type LabResult, runLab } from '../lab/run.js';
import { tasks } from '../lab/settings.js';
import { hasCursor } from '../terminal/output.js';
import { put, tell, tellOver } from '../terminal/write.js';
import { encodeBytes } from '../utf8.js';
import { EXIT, interruptSignal } from './errors.js';
import { readText, writeText } from './files.js';
import { showPage } from './show-page.js';
import { packageVersion } from './version.js';

export interface LabCommand {
  out?: string;
  port?: number;
  open?: boolean;
  headless?: boolean;
  text?: string;
  json?: boolean;
}

export async function lab(link: string | undefined, options: LabCommand): Promise<number> {
  // Before anything is written or served: a link that cannot be opened is refused here, too.
  const configuration = decodeLab(link ?? '');
  checkTogether(options);
  if (options.headless) return train(configuration, options);
  const page = labPage(packageVersion());
  const hash = link === undefined ? '' : `#${encodeLab(configuration)}`;
  if (options.out !== undefined) {
    await writeText(options.out, page);
    const bytes = Buffer.byteLength(page);
    put(options.json ? `${JSON.stringify({ lab: options.out, bytes })}\n` : `Lab: ${options.out}\n`);
    if (options.open) await showPage(options.out);
    return EXIT.done;
  }
  return serve(page, hash, options);
}

/** Options that decide nothing beside each other are refused. */
function checkTogether({ out, port, open, headless, text }: LabCommand): void {
  const refuse = (option: string, reason: string): never => {
    throw new ConfigError(`${option} ${reason}`, { op: 'lab', hint: 'leave one of them out' });
  };
  if (headless && out !== undefined) refuse('--out', 'writes a page, and --headless makes none');
  if (headless && port !== undefined)
    refuse('--port', 'is for a page that is served, and --headless makes none');
  if (headless && open) refuse('--open', 'shows a page, and --headless makes none');
  if (out !== undefined && port !== undefined)
    refuse('--port', 'is for a page that is served, and --out writes it');
  if (!headless && text !== undefined)
    refuse('--text', 'is for --headless: a page is given its text by dropping it');
}

async function serve(page: string, hash: string, { port = 0, open, json }: LabCommand): Promise<number> {
  const signal = interruptSignal();
  const server = createServer(({ url, method }, response) => {
    const isPage = new URL(url ?? '/', 'http://lab').pathname === '/';
    const headers = {
      'Content-Type': 'text/html; charset=utf-8',
      // They isolate the page, which gives it memory that threads share, and a clock that is finer.
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-cache',
    };
    if (!isPage || (method !== 'GET' && method !== 'HEAD')) {
      response.writeHead(isPage ? 405 : 404, { 'Content-Type': 'text/plain' }).end();
      return;
    }
    response.writeHead(200, headers).end(method === 'HEAD' ? undefined : page);
  });
  const address = `http://127.0.0.1:${await listening(server, port)}/${hash}`;
  put(json ? `${JSON.stringify({ lab: address })}\n` : `Lab: ${address}\n`);
  tell('Ctrl-C ends it.\n');
  if (open) await showPage(address);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  server.close();
  server.closeAllConnections();
  return EXIT.done;
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'another program has it' : cause.message;
      reject(
        new ConfigError(`cannot serve on port ${port}: ${why}`, {
          op: 'lab',
          hint: 'give another --port, or none: then a free one is taken',
          cause,
        }),
      );
    });
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function train(configuration: LabConfiguration, { text: path, json }: LabCommand): Promise<number> {
  const content = await ownContent(configuration, path);
  const { steps, lanes } = configuration;
  const isLive = hasCursor(process.stderr);
  const result = await runLab(configuration, {
    ...(content === undefined ? {} : { content }),
    onStep(lane, step, loss) {
      const isLast = step === steps;
      if (!isLive && !isLast && step % 100 !== 0) return;
      const line = `lane ${lane + 1} of ${lanes.length}, ${laneName(configuration, lane)}: step ${step}/${steps}, loss ${loss.toFixed(3)}`;
      if (isLive) tellOver(line, isLast);
      else tell(`${line}\n`);
    },
  });
  put(json ? `${JSON.stringify(plain(configuration, result), null, 1)}\n` : told(result));
  return EXIT.done;
}

async function ownContent(
  { task, content: wanted }: LabConfiguration,
  path: string | undefined,
): Promise<string | undefined> {
  if (!tasks[task].own) {
    if (path === undefined) return undefined;
    throw new ConfigError(`--text is given, and the task ${task} brings its own`, {
      op: 'lab',
      hint: 'leave --text out',
    });
  }
  if (path === undefined) {
    throw new ConfigError('the link was made with a text that it does not carry', {
      op: 'lab',
      hint: 'give the same file: --text FILE',
    });
  }
  const text = await readText(path);
  const found = sha256(encodeBytes(text));
  if (found === wanted?.sha256) return text;
  throw new ConfigError(`${path} is not the text that the link was made with`, {
    op: 'lab',
    expected: wanted?.sha256,
    actual: found,
    hint: 'ask for the same file',
  });
}

function told({ lanes, fingerprint }: LabResult): string {
  const lines = lanes.map(({ name, rows, end }) => {
    const last = rows.at(-1);
    const how = end === 'diverged' ? `diverged at step ${rows.length + 1}` : `step ${rows.length}`;
    return `${name}: ${how}${last ? `, loss ${last[0].toFixed(4)}` : ''}`;
  });
  return `${lines.join('\n')}\nFingerprint ${fingerprint}\n`;
}

function plain(configuration: LabConfiguration, { lanes, fingerprint }: LabResult): object {
  return {
    link: `#${encodeLab(configuration)}`,
    fingerprint,
    lanes: lanes.map(({ name, rows, end, digest }) => ({
      name,
      end,
      digest,
      steps: rows.length,
      loss: rows.at(-1)?.[0] ?? null,
    })),
  };
}
