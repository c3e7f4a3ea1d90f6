/**
 * @file The frame of a figure: title, tools, drawing, caption and table, whatever is drawn. A page that was written by
 * src/report/figure-markup.ts has the elements already; in any other element they are made.
 */
import { bars } from './bars.js';
import { csv } from './csv.js';
import { dataTable } from './data-table.js';
import type { Drawing, Drawn, FigureData, FigureView, Stage } from './drawing.js';
import { button, element } from './elements.js';
import { png, save, svgDocument, svgText } from './export.js';
import { heatMap } from './heat-map.js';
import { layerStack } from './layer-stack.js';
import { lines } from './lines.js';
import { Palette } from './look.js';
import { Pace } from './pace.js';
import { onTheme, readTokens } from './theme.js';
import { Tooltip } from './tooltip.js';

export interface FigureOptions {
  /** Colours of placements, common to the page; of this figure alone when absent. */
  palette?: Palette;
  /** First part of the names of saved files. */
  name?: string;
  /** Stands under saved pictures: where the numbers come from. */
  source?: string;
  /** Of a plot of lines, in CSS pixels; by its width when absent. */
  height?: number;
}

export interface FigureHandle {
  readonly host: HTMLElement;
  /** What was given last. */
  readonly data: FigureData;
  /** What stands on the page. */
  drawn(): Drawn;
  /** What a reader has chosen to see; nothing where there is no choice. */
  view(): FigureView | undefined;
  /** Shows what was chosen before; of lines that are there no more it forgets. */
  restore(view: FigureView): void;
  /** Draws other data, a few times a second at most and never while the page is hidden. */
  update(data: FigureData): void;
  destroy(): void;
}

const handles = new WeakMap<Element, FigureHandle>();

/** The figure that was drawn in an element. */
export function figureOf(host: Element): FigureHandle | undefined {
  return handles.get(host);
}

let count = 0;

export function drawFigure(host: HTMLElement, data: FigureData, options: FigureOptions = {}): FigureHandle {
  handles.get(host)?.destroy();
  const frame = new Frame(host, data, options);
  const handle: FigureHandle = {
    host,
    get data() {
      return frame.data;
    },
    drawn: () => frame.drawn(),
    view: () => frame.view(),
    restore: (view) => frame.restore(view),
    update: (next) => frame.update(next),
    destroy() {
      frame.destroy();
      handles.delete(host);
    },
  };
  handles.set(host, handle);
  // Where tests and the console find it.
  (host as HTMLElement & { figure?: FigureHandle }).figure = handle;
  return handle;
}

class Frame {
  data: FigureData;
  readonly #host: HTMLElement;
  readonly #options: FigureOptions;
  readonly #place: HTMLElement;
  readonly #captionId: string;
  readonly #tools: HTMLElement;
  readonly #readout = element('p', { class: 'readout unseen', role: 'status' });
  readonly #reset: HTMLButtonElement;
  readonly #table: HTMLDetailsElement;
  readonly #tooltip: Tooltip;
  readonly #pace = new Pace(() => this.#take());
  readonly #offTheme: () => void;
  #drawing: Drawing;

  constructor(host: HTMLElement, data: FigureData, options: FigureOptions) {
    this.data = data;
    this.#host = host;
    this.#options = options;
    const { place, tools, captionId } = completed(host, data);
    this.#place = place;
    this.#tools = tools;
    this.#captionId = captionId;
    this.#tooltip = new Tooltip(place);
    this.#reset = button('Reset zoom', ` of ${data.title}`, () => this.#drawing.reset?.());
    this.#reset.hidden = true;
    tools.replaceChildren(
      this.#reset,
      button('CSV', ` of ${data.title}`, () =>
        this.#saveText(csv(this.data), 'csv', 'text/csv;charset=utf-8'),
      ),
      button('PNG', ` of ${data.title}`, () => void this.#savePng()),
      button('SVG', ` of ${data.title}`, () =>
        this.#saveText(svgText(this.#picture()), 'svg', 'image/svg+xml'),
      ),
    );
    this.#table = dataTable(() => this.data);
    host.append(this.#readout, this.#table);
    this.#drawing = this.#draw();
    this.#offTheme = onTheme(() => this.#drawing.paint());
  }

  drawn(): Drawn {
    return this.#drawing.read();
  }

  view(): FigureView | undefined {
    return this.#drawing.view?.();
  }

  restore(view: FigureView): void {
    this.#drawing.restore?.(view);
  }

  update(next: FigureData): void {
    this.data = next;
    this.#pace.ask();
  }

  destroy(): void {
    this.#pace.stop();
    this.#offTheme();
    this.#drawing.destroy();
    this.#tooltip.destroy();
    this.#readout.remove();
    this.#table.remove();
    this.#tools.replaceChildren();
    delete (this.#host as HTMLElement & { figure?: FigureHandle }).figure;
  }

  #draw(): Drawing {
    const stage: Stage = {
      figure: this.data,
      place: this.#place,
      palette: this.#options.palette ?? new Palette([this.data]),
      tooltip: this.#tooltip,
      height: this.#options.height,
      captionId: this.#captionId,
      say: (text) => {
        this.#readout.textContent = text;
      },
      onZoom: (zoomed) => {
        this.#reset.hidden = !zoomed;
      },
    };
    if (this.data.stack) return layerStack(stage);
    if (this.data.heatmap) return heatMap(stage);
    return this.data.kind === 'bars' ? bars(stage) : lines(stage);
  }

  #take(): void {
    if (!this.#drawing.update(this.data)) {
      this.#drawing.destroy();
      this.#drawing = this.#draw();
    }
    if (this.#table.open) this.#table.dispatchEvent(new Event('toggle'));
  }

  #picture() {
    const tokens = readTokens('light');
    const { source = 'prenorm' } = this.#options;
    return svgDocument(this.data, this.#drawing.pictures(tokens), tokens, source);
  }

  #fileName(extension: string): string {
    const name = `${this.#options.name ?? 'prenorm'}-${this.data.id}`;
    return `${name.replace(/[^\w.-]+/g, '-')}.${extension}`;
  }

  #saveText(text: string, extension: string, type: string): void {
    this.#save(new Blob([text], { type }), extension);
  }

  async #savePng(): Promise<void> {
    try {
      this.#save(await png(this.#picture()), 'png');
    } catch (error) {
      this.#readout.textContent = `The PNG could not be made: ${error instanceof Error ? error.message : error}`;
      this.#readout.classList.remove('unseen');
    }
  }

  #save(blob: Blob, extension: string): void {
    const name = this.#fileName(extension);
    save(blob, name);
    (document.getElementById('announce') ?? this.#readout).textContent = `Saved ${name}.`;
  }
}

/** The elements of the frame, found or made. */
function completed(host: HTMLElement, data: FigureData) {
  const id = host.id || `drawn-figure-${++count}`;
  host.classList.add('figure');
  let head = host.querySelector<HTMLElement>(':scope > .figure-head');
  if (!head) {
    const title = element('h3', { id: `${id}-title` }, data.title);
    if (data.figure) title.append(' ', element('span', { class: 'tag' }, data.figure));
    head = element('div', { class: 'figure-head' }, title, element('div', { class: 'tools' }));
    host.prepend(head);
    if (!host.hasAttribute('aria-labelledby')) host.setAttribute('aria-labelledby', `${id}-title`);
  }
  let place = host.querySelector<HTMLElement>(':scope > .drawing');
  if (!place) {
    place = element('div', { class: 'drawing' });
    head.after(place);
  }
  let caption = host.querySelector<HTMLElement>(':scope > figcaption');
  if (!caption) {
    caption = element('figcaption', { id: `${id}-caption` }, data.caption);
    place.after(caption);
  }
  if (!caption.id) caption.id = `${id}-caption`;
  let tools = head.querySelector<HTMLElement>('.tools');
  if (!tools) {
    tools = element('div', { class: 'tools' });
    head.append(tools);
  }
  return { place, tools, captionId: caption.id };
}
