/** The loss curve (uPlot) with its legend and its table: drawn ten times a second at most (long ones less often), never while the page is hidden. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { Curve } from './curve.js';

const HEIGHT = 260;
const ROWS = 20;
const font = '11px system-ui, sans-serif';
const number = (value) => (value === null || value === undefined ? '–' : value.toFixed(3));

/** @param unit what the model guesses: its loss is told as so many of them to choose from */
export function lossChart({ element, legend, meaning, rows, details, unit = () => 'characters' }) {
  let curve = new Curve();
  let total = 100;
  let plot = null;
  let asked = false;
  let drawn = 0;
  const calm = matchMedia('(prefers-reduced-motion: reduce)');

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const values = () => [curve.steps, curve.losses, curve.smoothed, curve.held];

  const shown = ['step', 'smoothed', 'each', 'held'].map((kind) => {
    const item = document.createElement('li');
    const value = document.createElement('b');
    item.className = kind;
    item.append(
      { step: 'Step', smoothed: 'Loss, smoothed', each: 'Loss of each step', held: 'On unseen text' }[kind],
      value,
    );
    legend.append(item);
    return value;
  });
  /** The values under the pointer, else the newest. */
  const describe = (at = plot.cursor.idx ?? curve.length - 1) => {
    const told = [
      curve.length === 0 ? '–' : curve.steps[at],
      number(curve.smoothed[at]),
      number(curve.losses[at]),
      number(curve.heldAt(at)),
    ];
    for (const [i, value] of shown.entries()) value.textContent = told[i];
  };

  const make = () => {
    plot?.destroy();
    const axis = {
      stroke: color('--quiet'),
      font,
      labelFont: font,
      labelSize: 16,
      labelGap: 0,
      grid: { stroke: color('--grid'), width: 1 },
      ticks: { stroke: color('--grid'), width: 1, size: 4 },
      border: { show: false },
    };
    const [first, third] = [color('--lane-1'), color('--lane-3')];
    plot = new uPlot(
      {
        width: element.clientWidth || 300,
        height: HEIGHT,
        legend: { show: false },
        scales: {
          // Both stay as they are during a run, so that the curve moves and not the ground under it.
          x: { time: false, range: () => [0, Math.max(total, 1)] },
          y: { range: (_, __, max) => [0, Math.ceil((max ?? 5) * 2) / 2] },
        },
        axes: [
          { ...axis, size: 26, label: 'step' },
          { ...axis, size: 34, label: 'loss' },
        ],
        cursor: { drag: { x: false, y: false }, points: { size: 7 } },
        hooks: { setCursor: [() => describe()] },
        series: [
          {},
          { stroke: `${first}70`, width: 1, points: { show: false } },
          { stroke: first, width: 2.5, points: { show: false } },
          {
            stroke: third,
            width: 1.5,
            dash: [5, 4],
            spanGaps: true,
            points: { show: true, size: 7, fill: third, stroke: third },
          },
        ],
      },
      values(),
      element,
    );
    describe();
  };

  const draw = () => {
    asked = false;
    drawn = performance.now();
    plot.setData(values());
    describe();
    const last = curve.length - 1;
    const held = curve.heldAt(last);
    element.setAttribute(
      'aria-label',
      last < 0
        ? 'Loss by step: no steps yet'
        : `Loss by step: ${number(curve.smoothed[last])} at step ${curve.steps[last]}${held === null ? '' : `, on unseen text ${number(held)}`}`,
    );
    meaning.textContent = last < 0 ? '' : inChoices(held ?? curve.smoothed[last], unit());
    if (details.open) tabulate();
  };
  const soon = () => {
    if (asked) return;
    asked = true;
    // Ninety thousand steps take some 25 ms to draw.
    const pause = Math.max(calm.matches ? 500 : 100, curve.length / 100);
    const wait = drawn + pause - performance.now();
    if (wait <= 0) requestAnimationFrame(draw);
    else setTimeout(() => requestAnimationFrame(draw), wait);
  };

  /** Some twenty steps, the newest first: the whole is in the CSV. */
  const tabulate = () => {
    const every = Math.max(1, Math.ceil(curve.length / ROWS));
    const last = curve.length - 1;
    const chosen = curve.steps.map((_, i) => i).filter((i) => i === last || i % every === every - 1);
    rows.replaceChildren(
      ...chosen.reverse().map((i) => {
        const row = document.createElement('tr');
        for (const text of [
          curve.steps[i],
          number(curve.losses[i]),
          number(curve.smoothed[i]),
          number(curve.heldAt(i)),
        ]) {
          row.insertCell().textContent = text;
        }
        return row;
      }),
    );
  };

  make();
  new ResizeObserver(() => {
    if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height: HEIGHT });
  }).observe(element);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', make);
  details.addEventListener('toggle', tabulate);
  return {
    /** Another run, of so many steps in all. */
    set(whole, steps) {
      curve = whole;
      total = steps;
      soon();
    },
    add(metrics) {
      curve.add(metrics);
      soon();
    },
    get curve() {
      return curve;
    },
  };
}

/** A loss is the logarithm of this number. */
function inChoices(loss, unit) {
  const choices = Math.exp(loss);
  return `By now it is as unsure as if it had ${choices.toFixed(choices < 10 ? 1 : 0)} ${unit} to choose from each time.`;
}
