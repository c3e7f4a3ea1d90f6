/** @file The panel of each instrument: what it draws of a run at the step looked at, and the same as a table. */
import type { LaneHistory } from '../../src/lab/history.js';
import { gradientTheory, hiddenTheory } from '../../src/lab/theory.js';
import { element } from '../figures/elements.js';
import { attentionPanel } from './attention-panel.js';
import { Chart, type ChartLine } from './chart.js';
import { HeatMap } from './heat.js';
import type { InstrumentName } from './instrument-words.js';
import { numbersTable, type Panel } from './panel.js';
import { Slice } from './slice.js';
import { brief } from './stack.js';
import { textPanel } from './text-panel.js';
import type { LabView } from './view.js';

export function makePanel(name: InstrumentName, view: LabView, key: string): Panel {
  switch (name) {
    case 'gradients':
      return layersPanel(view, key, gradientsOf, true);
    case 'hidden':
      return layersPanel(view, key, hiddenOf, false);
    case 'attention':
      return attentionPanel(view, key);
    case 'text':
      return textPanel(view, key);
    default:
      return linesPanel(view, key, name);
  }
}

/** Of one lane: a number by layer, now and at the beginning, and lines of theory. */
interface LayerNumbers {
  /** Place of each layer's number in a row. */
  places: readonly number[];
  theory(history: LaneHistory): readonly (readonly number[])[];
  /** What theory speaks of: gradients of step 1, the stream before any update. */
  first: 0 | 1;
  range: readonly [number, number];
}

/** Layers of a lane as their rows are called. */
function layerNames({ beginning }: LaneHistory): string[] {
  const { layers } = beginning.shape;
  const both = layers.some(({ stack }) => stack === 'decoder');
  return layers.map(({ stack, number }) => (both ? `${stack[0]}${number}` : String(number)));
}

/** The last block of each layer, the feed-forward, whose matrix is W2. */
function lastBlocks(layers: LaneHistory['beginning']['shape']['layers']): number[] {
  let block = -1;
  return layers.map(({ blocks }) => {
    block += blocks.length;
    return block;
  });
}

function valuesAt(history: LaneHistory, places: readonly number[], step: number): number[] {
  const row = history.row(Math.min(step, history.steps));
  return places.map((place) =>
    row && (step > 0 || place >= history.layout.leaving) ? row[place] : Number.NaN,
  );
}

function gradientsOf(view: LabView, at: number, history: LaneHistory): LayerNumbers {
  const { layout, beginning } = history;
  const places = lastBlocks(beginning.shape.layers).map((block) => layout.gradients + block);
  return {
    places,
    first: 1,
    range: [1e-5, 10],
    theory(own) {
      const first = valuesAt(own, places, 1);
      const row = own.row(0);
      // The theory is of one stack.
      if (!row || own.steps === 0 || beginning.shape.layers.some(({ stack }) => stack === 'decoder'))
        return [];
      const hidden = Array.from({ length: layout.layers }, (_, l) => row[layout.hidden + l]);
      const said = gradientTheory(view.lab.lanes[at].placement, hidden, first.at(-1) as number);
      return said ? [said] : [];
    },
  };
}

function hiddenOf(view: LabView, at: number, { layout, beginning }: LaneHistory): LayerNumbers {
  const { layers } = beginning.shape;
  return {
    places: layers.map((_, l) => layout.hidden + l),
    first: 0,
    range: [0.5, 200],
    theory(own) {
      const encoder = layers.filter(({ stack }) => stack === 'encoder').length;
      const entering = own.row(0)?.[layout.entering] ?? 1;
      return hiddenTheory(view.lab.lanes[at].placement, encoder, entering).map(({ values }) => values);
    },
  };
}

/** A number by layer: over the steps, and at the step looked at. */
function layersPanel(view: LabView, key: string, numbersOf: typeof gradientsOf, withMap: boolean): Panel {
  const { run } = view;
  const node = element('div', { class: `heats count-${run?.lanes.length ?? 0}` });
  const drawn = (run?.lanes ?? []).flatMap(({ history, name }, at) => {
    if (!history) return [];
    const numbers = numbersOf(view, at, history);
    const map = withMap
      ? new HeatMap((step, layer) => {
          run?.show(step);
          view.mark(layer);
        })
      : null;
    const slice = new Slice();
    const badge = element('i', { class: 'badge' }, String(at + 1));
    badge.style.background = `var(--${view.looks[at].token})`;
    node.append(
      element(
        'figure',
        { class: `pair${withMap ? '' : ' alone'}`, 'aria-label': name },
        element('figcaption', { class: 'cap' }, badge, name),
        ...(map ? [map.node] : []),
        slice.node,
      ),
    );
    return [{ at, name, history, numbers, map, slice }];
  });
  return {
    node,
    key,
    draw() {
      for (const { at, history, numbers, map, slice } of drawn) {
        const step = Math.min(run?.step ?? 0, history.steps);
        map?.show({
          rows: numbers.places.map((place) => history.series(place)),
          steps: view.lab.steps,
          known: history.steps,
          step,
          names: layerNames(history),
          layer: view.layer,
        });
        const { range, places } = numbers;
        slice.show({
          token: view.looks[at].token,
          now: valuesAt(history, places, step),
          first: valuesAt(history, places, Math.min(numbers.first, history.steps)),
          theory: numbers.theory(history),
          range,
          scale: 'log',
          ...(map ? {} : { names: layerNames(history) }),
        });
      }
    },
    table() {
      const layers = drawn[0] ? layerNames(drawn[0].history) : [];
      const rows = layers.map((_, layer) => [
        layers[layer],
        ...drawn.map(({ history, numbers }) =>
          brief(valuesAt(history, numbers.places, run?.step ?? 0)[layer]),
        ),
      ]);
      return numbersTable(['Layer', ...drawn.map(({ name }) => name)], rows);
    },
    destroy() {
      for (const { map } of drawn) map?.stop();
    },
  };
}

type LineName = Exclude<InstrumentName, 'gradients' | 'hidden' | 'attention' | 'text'>;

/** One number of each lane over the steps, in one chart. */
function linesPanel(view: LabView, key: string, name: LineName): Panel {
  const chart = new Chart('instrument');
  chart.node.setAttribute('role', 'img');
  const node = element('div', { class: 'one' }, chart.node);
  const series = (at: number): Float64Array => {
    const lane = view.run?.lanes[at];
    if (!lane?.history) return new Float64Array(0);
    const { history, times } = lane;
    const { layout, beginning } = history;
    if (name === 'rate') return history.series(layout.rate);
    if (name === 'effect') return history.series(layout.effect);
    const { batch, length } = view.lab.lanes[at];
    if (name === 'speed') return times.perStep().map((steps) => steps * batch * length);
    const layer = Math.min(view.layer, beginning.shape.layers.length - 1);
    return history.series(layout.updates + lastBlocks(beginning.shape.layers)[layer]);
  };
  const isLog = name === 'updates' || name === 'effect';
  return {
    node,
    key,
    draw() {
      const { run } = view;
      if (!run) return;
      const lines: ChartLine[] = run.lanes.map((lane, at) => ({
        label: lane.name,
        token: view.looks[at].token,
        dash: view.looks[at].dash,
        values: series(at),
        first: 1,
        width: 1.75,
        // Speeds of the last steps are known better a little later.
        grows: name !== 'speed',
      }));
      let top = 0;
      for (const { values } of lines)
        for (let i = 0; i < values.length; i++) if (values[i] > top) top = values[i];
      const range: [number, number] = isLog ? [1e-5, 1] : [0, 1.08 * (top || 1)];
      chart.show({
        xRange: [0, view.lab.steps],
        yRange: range,
        yScale: isLog ? 'log' : 'linear',
        lines,
        levels: [],
        cursor: run.step,
        xTicks: [0, 0.25, 0.5, 0.75, 1].map((share) => ({
          at: share * view.lab.steps,
          text: String(Math.round(share * view.lab.steps)),
        })),
      });
      chart.node.setAttribute('aria-label', `${name} of each lane over the steps`);
    },
    table() {
      const { run } = view;
      const at = (run?.step ?? 0) - 1;
      return numbersTable(
        ['Lane', `Step ${at + 1}`],
        (run?.lanes ?? []).map((lane, number) => [lane.name, brief(series(number)[at])]),
      );
    },
    destroy: () => chart.destroy(),
  };
}
