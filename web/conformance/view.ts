/** @file What the page shows: a line per item, the verdict, and what a report needs to name this machine. */
import type { ItemResult } from '../../src/conformance/index.js';
import type { Message } from './host.js';

type State = 'waiting' | 'running' | 'same' | 'different';

const words: Record<State, [sign: string, text: string]> = {
  waiting: ['·', 'waiting'],
  running: ['…', 'running'],
  same: ['✓', 'same bits'],
  different: ['✗', 'different'],
};

const get = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

export class View {
  readonly #rows = new Map<string, HTMLElement>();
  readonly #lines: string[] = [];
  readonly #names: readonly string[];

  constructor(names: readonly string[], inPage: boolean) {
    this.#names = names;
    get('agent').textContent = navigator.userAgent;
    get('isolated').textContent = globalThis.crossOriginIsolated ? 'yes' : 'no';
    get('where').textContent = inPage ? 'page' : 'worker';
    const template = get('row') as HTMLTemplateElement;
    for (const name of names) {
      const row = (template.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
      (row.querySelector('.name') as HTMLElement).textContent = name;
      get('items').append(row);
      this.#rows.set(name, row);
    }
    get('copy').addEventListener('click', () => this.#copy());
  }

  computeInPage(): void {
    get('where').textContent = 'page (no module worker could be started)';
  }

  onAgain(run: () => void): void {
    get('again').addEventListener('click', run);
  }

  begin(): void {
    this.#lines.length = 0;
    for (const name of this.#names) this.#mark(name, 'waiting', '', '');
    this.#verdict('running', 'Computing');
    (get('again') as HTMLButtonElement).disabled = true;
    (get('copy') as HTMLButtonElement).disabled = true;
    for (const id of ['total', 'threads', 'kernels', 'seconds']) get(id).textContent = '…';
    this.#mark(this.#names[0], 'running', '', '');
  }

  show(message: Message): void {
    if (message.kind === 'host') {
      get('threads').textContent = message.reason
        ? `${message.threads} (${message.reason})`
        : `${message.threads}`;
      get('kernels').textContent = message.kernels;
    } else if (message.kind === 'item') this.#item(message.item);
    else {
      if (message.kind === 'end') {
        const { ok, total, expected, seconds } = message;
        get('total').textContent = total ?? 'not computed: only some items ran';
        get('seconds').textContent = seconds.toFixed(1);
        this.#lines.push(`${ok ? 'same' : 'different'} total ${total ?? '-'}`);
        if (!ok) {
          const pinned = total === null ? '' : ` The pinned total is ${expected}.`;
          this.#verdict('different', `Something differs.${pinned}`);
        } else if (total === null) this.#verdict('same', 'These items give the same bits.');
        else this.#verdict('same', 'This browser computes the same bits.');
      } else {
        get('total').textContent = 'none';
        this.#lines.push(`error ${message.text}`);
        this.#verdict('different', `It could not run: ${message.text}`);
      }
      (get('again') as HTMLButtonElement).disabled = false;
      (get('copy') as HTMLButtonElement).disabled = false;
    }
  }

  #item({ name, about, hash, expected, ok }: ItemResult): void {
    this.#mark(name, ok ? 'same' : 'different', about, ok ? hash : `${hash} instead of ${expected}`);
    this.#lines.push(`${ok ? 'same' : 'different'} ${name} ${hash}`);
    const next = this.#names[this.#names.indexOf(name) + 1];
    if (next !== undefined) this.#mark(next, 'running', '', '');
  }

  #mark(name: string, state: State, about: string, hash: string): void {
    const row = this.#rows.get(name);
    if (!row) return;
    row.dataset.state = state;
    const [sign, text] = words[state];
    (row.querySelector('.sign') as HTMLElement).textContent = sign;
    (row.querySelector('.state') as HTMLElement).textContent = text;
    (row.querySelector('.about') as HTMLElement).textContent = about;
    (row.querySelector('.hash') as HTMLElement).textContent = hash;
  }

  #verdict(state: State, text: string): void {
    const verdict = get('verdict');
    verdict.dataset.state = state;
    verdict.textContent = `${words[state][0]} ${text}`;
    document.title = `${words[state][0]} Prenorm conformance`;
  }

  /** Everything on the page as text, for an issue or a mail. */
  report(): string {
    const facts = ['agent', 'where', 'isolated', 'threads', 'kernels', 'seconds'];
    return [...this.#lines, ...facts.map((id) => `${id}: ${get(id).textContent}`)].join('\n');
  }

  async #copy(): Promise<void> {
    const text = this.report();
    get('report').textContent = text;
    get('report').hidden = false;
    try {
      await navigator.clipboard.writeText(text);
      get('copied').textContent = 'Copied.';
    } catch {
      get('copied').textContent = 'This browser does not let pages copy; the report is below.';
    }
  }
}
