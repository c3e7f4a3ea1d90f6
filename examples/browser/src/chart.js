/** The loss curve: drawn at most once per frame, and not at all while the page is hidden. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

const HEIGHT = 240;

export function lossChart(element) {
  let steps = [];
  let losses = [];
  let held = [];
  let plot = null;
  let asked = false;

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const make = () => {
    plot?.destroy();
    const axis = {
      stroke: color('--quiet'),
      labelSize: 18,
      labelGap: 0,
      labelFont: '12px system-ui, sans-serif',
      grid: { stroke: color('--line'), width: 1 },
      ticks: { stroke: color('--line'), width: 1 },
    };
    plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        scales: {
          // Without steps the axes are there already.
          x: {
            time: false,
            range: (_, min, max) => (min === null ? [0, 100] : [min, Math.max(max, min + 1)]),
          },
          y: { range: (_, min, max) => (min === null ? [0, 5] : uPlot.rangeNum(min, max, 0.1, true)) },
        },
        axes: [
          { ...axis, size: 32, label: 'step' },
          { ...axis, size: 44, label: 'nats per character' },
        ],
        cursor: { drag: { x: false, y: false } },
        series: [
          { label: 'step' },
          { label: 'loss', stroke: color('--accent'), width: 1.5, points: { show: false } },
          {
            label: 'held out',
            stroke: color('--second'),
            width: 2,
            spanGaps: true,
            points: { show: true, size: 5, fill: color('--second') },
          },
        ],
      },
      [steps, losses, held],
      element,
    );
  };
  const draw = () => {
    asked = false;
    plot.setData([steps, losses, held]);
    const last = steps.length - 1;
    const text = last < 0 ? 'no steps yet' : `${losses[last].toFixed(3)} at step ${steps[last]}`;
    element.setAttribute('aria-label', `Loss by step: ${text}`);
  };
  const soon = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(draw);
  };

  make();
  new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT })).observe(element);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', make);
  return {
    /** Replaces everything by the losses of steps 1, 2, … */
    set(all) {
      steps = all.map((_, i) => i + 1);
      losses = [...all];
      held = all.map(() => null);
      soon();
    },
    add({ step, loss, validNll }) {
      steps.push(step);
      losses.push(loss);
      held.push(validNll ?? null);
      soon();
    },
  };
}
