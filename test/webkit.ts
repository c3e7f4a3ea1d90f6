/**
 * @file WebKitGTK for tests, through the W3C WebDriver of its own driver, on a display that nobody sees. Puppeteer does
 * not speak to it. Without the three programs the test says so and is skipped; PRENORM_REQUIRE_BROWSERS does not ask
 * for them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';

export interface WebKitPrograms {
  driver: string;
  browser: string;
  display: string;
}

/** The programs, or what a skipped test prints in place of its result. */
export function findWebKit(): WebKitPrograms | string {
  const driver = onPath('WebKitWebDriver');
  const display = onPath('Xvfb');
  const browser = findMiniBrowser();
  if (driver && display && browser) return { driver, browser, display };
  const missing = [!driver && 'WebKitWebDriver', !browser && 'MiniBrowser', !display && 'Xvfb'];
  return `skipped: no ${missing.filter(Boolean).join(', no ')} found; Debian has them as webkit2gtk-driver and xvfb`;
}

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** It lies beside WebKit's libraries: `/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser`, `/usr/libexec/…`. */
function findMiniBrowser(): string | undefined {
  const list = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  const roots = ['/usr/libexec', '/usr/lib', ...list('/usr/lib').map((name) => join('/usr/lib', name))];
  return roots
    .filter((root) => /libexec$|lib$|linux-gnu[^/]*$/.test(root))
    .flatMap((root) =>
      list(root)
        .filter((name) => /^webkit2?gtk-/.test(name))
        .map((name) => join(root, name, 'MiniBrowser')),
    )
    .find((path) => existsSync(path));
}

/** How long a busy machine may take to start a program or to draw a page. */
const PATIENCE = 60_000;

/** What a key is called in WebDriver. */
export const KEYS = {
  Tab: '\uE004',
  Enter: '\uE007',
  Escape: '\uE00C',
  Home: '\uE011',
  ArrowRight: '\uE014',
};

/** The key under which WebDriver sends an element. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** One window of WebKitGTK, with a profile and a display of its own; in the locale `C.UTF-8` its language is called `C`. */
export class WebKitWindow {
  #session = '';

  private constructor(
    readonly url: string,
    private readonly processes: readonly ChildProcess[],
    readonly home: string,
  ) {}

  static async open(programs: WebKitPrograms): Promise<WebKitWindow> {
    const home = mkdtempSync(join(tmpdir(), 'prenorm-webkit-'));
    const xvfb = spawn(
      programs.display,
      ['-displayfd', '3', '-screen', '0', '2000x1200x24', '-nolisten', 'tcp'],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
    );
    const port = await freePort();
    const processes = [xvfb];
    const window = new WebKitWindow(`http://127.0.0.1:${port}`, processes, home);
    try {
      const display = await firstLine(xvfb.stdio[3] as Readable, xvfb);
      const folders = ['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME', 'XDG_RUNTIME_DIR'];
      processes.push(
        spawn(programs.driver, [`--port=${port}`, '--host=127.0.0.1'], {
          stdio: 'ignore',
          // A group of its own, with the browser and the browser's processes in it: `close` ends them all.
          detached: true,
          env: {
            ...process.env,
            ...Object.fromEntries(folders.map((name) => [name, home])),
            HOME: home,
            DISPLAY: `:${display}`,
            GDK_BACKEND: 'x11',
            LANG: 'C.UTF-8',
            LC_ALL: 'C.UTF-8',
            LANGUAGE: '',
          },
        }),
      );
      await window.#waitForDriver();
      const options = { binary: programs.browser, args: ['--automation'] };
      const { sessionId } = (await window.#send('POST', '/session', {
        capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': options } },
      })) as { sessionId: string };
      window.#session = `/session/${sessionId}`;
      return window;
    } catch (error) {
      await window.close();
      throw error;
    }
  }

  async #waitForDriver(): Promise<void> {
    for (const end = Date.now() + PATIENCE; ; await pause(50)) {
      try {
        await this.#send('GET', '/status');
        return;
      } catch (error) {
        if (Date.now() > end) throw error;
      }
    }
  }

  async #send(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(this.url + path, {
      method,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    const { value } = (await response.json()) as { value: { error?: string; message?: string } | null };
    if (!response.ok) throw new Error(`${method} ${path}: ${value?.error}: ${value?.message}`);
    return value;
  }

  #ask(path: string, body: object = {}): Promise<unknown> {
    return this.#send('POST', this.#session + path, body);
  }

  /** The whole window with its bar; narrower than the bar it does not become. */
  async resize(width: number, height: number): Promise<void> {
    await this.#ask('/window/rect', { width, height });
  }

  async goTo(url: string): Promise<void> {
    await this.#ask('/url', { url });
  }

  /** What the function gives on the page; what goes in and comes out is JSON. */
  async run<T, A extends unknown[]>(inPage: (...args: A) => T, ...args: A): Promise<T> {
    // The compiler of the tests names inner functions by a call that the page does not have.
    const script = `const __name = (f) => f; return (${inPage}).apply(null, arguments);`;
    return (await this.#ask('/execute/sync', { script, args })) as T;
  }

  async waitFor(condition: () => boolean, patience = PATIENCE): Promise<void> {
    for (const end = Date.now() + patience; !(await this.run(condition)); await pause(50))
      if (Date.now() > end) throw new Error(`not within ${patience / 1000} s: ${condition}`);
  }

  async #element(selector: string): Promise<string> {
    const found = await this.#ask('/element', { using: 'css selector', value: selector });
    return (found as Record<string, string>)[ELEMENT]!;
  }

  async click(selector: string): Promise<void> {
    await this.#ask(`/element/${await this.#element(selector)}/click`);
  }

  /** Keys, one after another, to what has the focus. */
  async press(...keys: (keyof typeof KEYS)[]): Promise<void> {
    const actions = keys.flatMap((key) => [
      { type: 'keyDown', value: KEYS[key] },
      { type: 'keyUp', value: KEYS[key] },
    ]);
    await this.#ask('/actions', { actions: [{ type: 'key', id: 'keyboard', actions }] });
  }

  /** Goes on inside the frame. */
  async enterFrame(selector: string): Promise<void> {
    await this.#ask('/frame', { id: { [ELEMENT]: await this.#element(selector) } });
  }

  /** What stands in the window, as PNG. */
  async screenshot(): Promise<Buffer> {
    return Buffer.from((await this.#send('GET', `${this.#session}/screenshot`)) as string, 'base64');
  }

  /** Ends the browser, then its driver and display. */
  async close(): Promise<void> {
    if (this.#session) await this.#send('DELETE', this.#session).catch(() => undefined);
    for (const child of this.processes.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    }
    // The browser outlives its driver for a moment, under load for half a minute, and goes on writing into its home.
    const driver = this.processes[1]?.pid;
    if (driver !== undefined) await endGroup(driver);
    rmSync(this.home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/**
 * Ends what is left of a group of processes and waits until it is gone; not for long, because where nobody collects
 * the dead they stay in the list.
 */
async function endGroup(group: number): Promise<void> {
  for (const end = Date.now() + 5000; Date.now() < end; await pause(20)) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      return;
    }
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What a program that lives on says first. */
function firstLine(stream: Readable, program: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.trim());
    });
    program.once('error', reject);
    program.once('exit', (code) => reject(new Error(`${program.spawnfile} ended with ${code}`)));
  });
}
