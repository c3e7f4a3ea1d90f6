/**
 * @file What the report page does beyond its text: plots, legends, downloads, sorting, copying, the theme. Plain
 * JavaScript, inlined as a module by html.ts; it reads the figures from the page and loads nothing.
 *
 * Lines are told apart in three ways at once: colour is the placement, the marker's shape tells arms of one
 * placement apart, and the second member of a pair is dashed with hollow markers. Predictions have no markers.
 */

/** @typedef {import('../../experiments/results.js').Figure} Figure */
/** @typedef {import('../../experiments/results.js').Series} Series */
/** @typedef {'circle' | 'square' | 'triangle' | 'diamond' | 'down' | 'cross'} Shape */
/** @typedef {Record<'background' | 'text' | 'quiet' | 'line' | 'grid' | 'post' | 'pre' | 'peri' | 'other', string>} Theme */
/** @typedef {{ color: string, dash: number[], shape: Shape | undefined, hollow: boolean, width: number }} Look */
/**
 * @typedef {object} Drawn One figure on the page.
 * @property {Figure} figure
 * @property {number} index of the figure on the page
 * @property {HTMLElement} host
 * @property {import('uplot') | undefined} plot
 * @property {Look[]} looks of `figure.series`
 * @property {number[]} xs union of all series' x, ascending
 * @property {(number | null | undefined)[][]} ys per series, aligned to `xs`
 * @property {HTMLButtonElement[]} buttons the legend's entries
 * @property {Set<number>} hidden
 * @property {number} current series the keyboard reads, -1 for all
 */

const UPlot = /** @type {typeof import('uplot')} */ (/** @type {any} */ (window).uPlot);
const root = document.documentElement;
const shapes = /** @type {Shape[]} */ (['circle', 'square', 'triangle', 'diamond', 'down', 'cross']);
/** Corners for a radius of 1; a circle has none. */
const outlines = {
  circle: points(''),
  square: points('-0.88,-0.88 0.88,-0.88 0.88,0.88 -0.88,0.88'),
  triangle: points('0,-1.15 1.1,0.8 -1.1,0.8'),
  diamond: points('0,-1.25 1.25,0 0,1.25 -1.25,0'),
  down: points('0,1.15 1.1,-0.8 -1.1,-0.8'),
  cross: points(
    '-0.35,-1 0.35,-1 0.35,-0.35 1,-0.35 1,0.35 0.35,0.35 0.35,1 -0.35,1 -0.35,0.35 -1,0.35 -1,-0.35 -0.35,-0.35',
  ),
};
const font = (/** @type {number} */ size, weight = '') =>
  `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif`.trim();

/** @type {{ preset: string, figures: Figure[] }} */
const data = JSON.parse(element('#data').textContent ?? '');
const others = [
  ...new Set(data.figures.flatMap(({ series }) => series.map(({ placement }) => placement))),
].filter((placement) => !['post', 'pre', 'peri', ''].includes(placement));
/** For placements beyond the three, in order of appearance; the first pair is for light ground, the second for dark. */
const moreColors = [
  ['#a36a00', '#e69f00'],
  ['#b0568a', '#e29cc4'],
  ['#7a6a00', '#f0e442'],
  ['#5b4fa2', '#a99ff0'],
];

/** How their lines are broken, one after each turn of the colours. */
const strokes = [[], [12, 3], [5, 3], [10, 3, 2, 3], [2, 2]];

/** @type {Drawn[]} */
const drawn = data.figures.flatMap((figure, index) => {
  if (figure.heatmap || figure.kind === 'bars') return [];
  const host = element(`[data-figure="${index}"]`);
  const { xs, ys } = align(figure.series);
  return [
    { figure, index, host, plot: undefined, looks: [], xs, ys, buttons: [], hidden: new Set(), current: -1 },
  ];
});

/** While the page is laid out for paper, whose width the window does not tell. */
let printing = false;

setUpTheme();
for (const entry of drawn) setUpFigure(entry, entry.index);
setUpCharts();
drawAll();
setUpSorting();
setUpCopying();

/**
 * @param {string} selector
 * @param {ParentNode} [within]
 */
function element(selector, within = document) {
  const found = within.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`the page has no ${selector}`);
  return found;
}

/** @param {string} text pairs as in SVG */
function points(text) {
  return text.split(' ').flatMap((pair) => (pair ? [pair.split(',').map(Number)] : []));
}

/**
 * @param {string} tag
 * @param {string} [className]
 * @param {string} [text]
 */
function create(tag, className = '', text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

/** @param {string} text */
function announce(text) {
  element('#announce').textContent = text;
}

// Theme

function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

/** @returns {Theme} */
function theme() {
  const style = getComputedStyle(root);
  const read = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    background: read('surface'),
    text: read('text'),
    quiet: read('quiet'),
    line: read('line'),
    grid: read('grid'),
    post: read('post'),
    pre: read('pre'),
    peri: read('peri'),
    other: read('other'),
  };
}

function setUpTheme() {
  const button = element('#theme');
  const label = () => {
    button.textContent = isDark() ? 'Light theme' : 'Dark theme';
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    label();
    drawAll();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    label();
    drawAll();
  });
  // Paper is light, whatever the screen is.
  /** @type {string | undefined} */
  let before;
  addEventListener('beforeprint', () => {
    printing = true;
    for (const details of document.querySelectorAll('details')) details.open = true;
    before = root.dataset.theme;
    root.dataset.theme = 'light';
    drawAll();
  });
  addEventListener('afterprint', () => {
    printing = false;
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    drawAll();
  });
  label();
}

// Data and looks

/**
 * One x axis for all series, as uPlot wants it: `undefined` where a series has no point, `null` for a gap.
 * @param {Series[]} series
 */
function align(series) {
  const xs = [...new Set(series.flatMap(({ x }) => x))].sort((a, b) => a - b);
  return { xs, ys: series.map(({ x, y }) => spread(xs, x, y)) };
}

/**
 * @param {number[]} xs
 * @param {number[]} x
 * @param {(number | null)[]} y
 * @returns {(number | null | undefined)[]}
 */
function spread(xs, x, y) {
  const at = new Map(x.map((value, index) => [value, index]));
  return xs.map((value) => {
    const index = at.get(value);
    return index === undefined ? undefined : (y[index] ?? null);
  });
}

/**
 * @param {Series} series
 * @param {Theme} colors
 */
function baseColor({ placement }, colors) {
  if (placement === 'post' || placement === 'pre' || placement === 'peri') return colors[placement];
  const index = others.indexOf(placement);
  if (index < 0) return colors.other;
  return moreColors[index % moreColors.length]?.[isDark() ? 1 : 0] ?? colors.other;
}

/** @param {Series} series */
function isPrediction({ label, dashed }) {
  return dashed === true && /theor|predict|bound/i.test(label);
}

/**
 * @param {Figure} figure
 * @param {Theme} colors
 * @returns {Look[]}
 */
function looksOf(figure, colors) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  return figure.series.map((series) => {
    const prediction = isPrediction(series);
    const kind = `${series.placement} ${prediction ? 'prediction' : series.dashed === true}`;
    const ordinal = counts.get(kind) ?? 0;
    counts.set(kind, ordinal + 1);
    // Beyond the named three, four colours, six markers and the strokes tell some sixty lines apart.
    const other = others.indexOf(series.placement);
    const first = { post: 0, pre: 1, peri: 2 }[series.placement] ?? 3 + Math.max(0, other);
    const stroke = other < 0 ? [] : (strokes[Math.floor(other / moreColors.length) % strokes.length] ?? []);
    const color = baseColor(series, colors);
    return {
      color: prediction || ordinal % 2 ? mix(color, colors.text, 0.42) : color,
      dash: prediction ? [3, 4] : series.dashed ? [8, 5] : stroke,
      shape: prediction ? undefined : shapes[(first + 3 * ordinal) % shapes.length],
      hollow: series.dashed === true,
      width: prediction ? 1.5 : 2,
    };
  });
}

/**
 * Two `#rrggbb` colours mixed, `share` of the second.
 * @param {string} one
 * @param {string} two
 * @param {number} share
 */
function mix(one, two, share) {
  const channel = (/** @type {string} */ color, /** @type {number} */ at) =>
    Number.parseInt(color.slice(at, at + 2), 16);
  const mixed = [1, 3, 5].map((at) => Math.round(channel(one, at) * (1 - share) + channel(two, at) * share));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

// Numbers and axes

/** @param {number | null | undefined} value */
function show(value) {
  if (value === null || value === undefined) return '–';
  const magnitude = Math.abs(value);
  if (value === 0) return '0';
  if (magnitude >= 1e6 || magnitude < 1e-3) return exponential(value);
  if (Number.isInteger(value)) return String(value);
  if (magnitude >= 1000) return value.toFixed(0);
  return value.toPrecision(magnitude < 0.1 ? 2 : 3);
}

/** @param {number} value */
function exponential(value) {
  const [digits, power] = value.toExponential(2).split('e');
  return `${Number(digits)}e${Number(power)}`;
}

/** @param {number | null | undefined} value */
function tick(value) {
  if (value === null || value === undefined) return '';
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude >= 1e5 || magnitude < 1e-3)) return exponential(value);
  return String(Number(value.toPrecision(4)));
}

/**
 * Widened a little, so that markers at the rim are whole.
 * @param {number} low
 * @param {number} high
 * @param {'linear' | 'log'} scale
 * @param {number} share
 * @returns {[number, number]}
 */
function widen(low, high, scale, share) {
  if (scale === 'log') {
    const by = high > low ? (high / low) ** share : 1.5;
    return [low / by, high * by];
  }
  const by = (high - low || Math.abs(high) || 1) * share;
  return [low - by, high + by];
}

/**
 * Ticks of a logarithmic axis: powers of ten, with 2 and 5 between, and plain steps where it spans under a decade.
 * @param {number} low
 * @param {number} high
 */
function logTicks(low, high) {
  const decades = Math.log10(high / low);
  if (decades < 0.8) {
    const step = niceStep((high - low) / 6);
    return Array.from({ length: Math.floor(high / step) - Math.ceil(low / step) + 1 }, (_, index) =>
      Number(((Math.ceil(low / step) + index) * step).toPrecision(12)),
    );
  }
  const steps = decades > 4 ? [1] : decades > 1.4 ? [1, 2, 5] : [1, 2, 3, 5, 7];
  /** @type {number[]} */
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const step of steps) ticks.push(Number((step * 10 ** power).toPrecision(12)));
  }
  return ticks.filter((value) => value >= low && value <= high);
}

/** @param {number} rough */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((step) => step * power >= rough) ?? 10) * power;
}

// Plots

/**
 * @param {Drawn} entry
 * @param {number} index
 */
function setUpFigure(entry, index) {
  const { figure, host } = entry;
  host.tabIndex = 0;
  host.setAttribute('role', 'application');
  host.setAttribute('aria-roledescription', 'interactive plot');
  host.setAttribute(
    'aria-label',
    `${figure.title}: ${figure.yLabel} by ${figure.xLabel}. Arrow keys read values.`,
  );
  host.setAttribute('aria-describedby', `figure-${index + 1}-caption`);
  host.addEventListener('keydown', (event) => steer(entry, index, event));
  host.addEventListener('blur', () => leave(entry));
  makeLegend(entry, index);
  for (const [name, action] of /** @type {[string, () => void][]} */ ([
    ['csv', () => saveCsv(figure)],
    ['png', () => void savePng(entry)],
    ['reset', () => showAll(entry)],
  ])) {
    const button = element(`[data-${name}="${index}"]`);
    button.hidden = name === 'reset';
    button.addEventListener('click', action);
  }
  let width = 0;
  new ResizeObserver(() => {
    // Only the width is ours to follow; the height is set from it.
    if (!entry.plot || printing || host.clientWidth === width) return;
    width = host.clientWidth;
    entry.plot.setSize(size(host));
  }).observe(host);
}

function drawAll() {
  const colors = theme();
  for (const entry of drawn) draw(entry, colors);
}

/** As wide as its place; as high as the legend beside it, within reason. @param {HTMLElement} host */
function size(host) {
  if (printing) return { width: 640, height: 320 };
  const width = Math.max(240, host.clientWidth);
  const legend = element('.legend', host.parentElement ?? document);
  const beside = legend.offsetLeft > host.offsetLeft ? legend.offsetHeight : 0;
  return { width, height: Math.round(Math.min(520, Math.max(280, Math.min(460, width * 0.56), beside))) };
}

/**
 * @param {Drawn} entry
 * @param {Theme} colors
 */
function draw(entry, colors) {
  const { figure, host, xs, ys } = entry;
  entry.plot?.destroy();
  entry.looks = looksOf(figure, colors);
  paintLegend(entry);

  /** @type {import('uplot').Series[]} */
  const series = [{}];
  /** @type {import('uplot').Band[]} */
  const bands = [];
  const columns = ys.map((values) => positive(values, figure.yScale));
  figure.series.forEach((one, index) => {
    const look = /** @type {Look} */ (entry.looks[index]);
    series.push({
      label: one.label,
      show: !entry.hidden.has(index),
      stroke: look.color,
      width: look.width,
      dash: look.dash,
      points: { show: false },
    });
  });
  figure.series.forEach(({ x, low, high }, index) => {
    if (!low || !high) return;
    const look = /** @type {Look} */ (entry.looks[index]);
    for (const edge of [high, low]) {
      columns.push(positive(spread(xs, x, edge), figure.yScale));
      series.push({
        show: !entry.hidden.has(index),
        stroke: 'transparent',
        width: 0,
        points: { show: false },
      });
    }
    bands.push({ series: [series.length - 2, series.length - 1], fill: `${look.color}33` });
  });

  const few = xs.length <= 16;
  const first = xs[0] ?? 0;
  const last = xs[xs.length - 1] ?? 1;
  const levels = (figure.levels ?? []).map(({ y }) => y).filter((y) => figure.yScale === 'linear' || y > 0);
  /** @param {string} label */
  const axis = (label) => ({
    label,
    labelFont: font(13),
    labelSize: 24,
    font: font(12),
    stroke: colors.quiet,
    grid: { stroke: colors.grid, width: 1 },
    ticks: { stroke: colors.line, width: 1, size: 5 },
    gap: 5,
  });

  /** @type {import('uplot').Options} */
  const options = {
    ...size(host),
    series,
    bands,
    legend: { show: false },
    focus: { alpha: 0.25 },
    padding: [10, 12, 0, 0],
    cursor: {
      y: false,
      drag: { x: true, y: false, dist: 6 },
      points: { size: 9, width: 2, fill: colors.background },
      // The cursor stands on values, never between them.
      move: (plot, left, top) => {
        if (left < 0 || xs.length === 0) return [left, top];
        const x = xs[plot.posToIdx(left)] ?? first;
        return [plot.valToPos(x, 'x'), top];
      },
    },
    scales: {
      x: {
        time: false,
        distr: figure.xScale === 'log' ? 3 : 1,
        range: (_, low, high) =>
          low === first && high === last
            ? widen(first, last, figure.xScale, few ? 0.04 : 0.012)
            : [low ?? first, high ?? last],
      },
      y: {
        distr: figure.yScale === 'log' ? 3 : 1,
        range: (_, low, high) => {
          const values = [low, high, ...levels].filter((value) => typeof value === 'number');
          if (values.length === 0) return figure.yScale === 'log' ? [0.1, 10] : [0, 1];
          let bottom = Math.min(...values);
          const top = Math.max(...values);
          // A linear axis starts at zero when the values come near it.
          if (figure.yScale === 'linear' && bottom >= 0 && bottom < 0.4 * top) bottom = 0;
          // Room for the name of a level beyond its line.
          const share = levels.length > 0 && size(host).height < 360 ? 0.13 : 0.08;
          const [under, over] = widen(bottom, top, figure.yScale, share);
          return [bottom === 0 && figure.yScale === 'linear' ? 0 : under, over];
        },
      },
    },
    axes: [
      {
        ...axis(figure.xLabel),
        size: 32,
        values: (_, splits) => splits.map(tick),
        ...(few
          ? { splits: (_, __, low, high) => xs.filter((x) => x >= low && x <= high) }
          : figure.xScale === 'log'
            ? { splits: (_, __, low, high) => logTicks(low, high) }
            : {}),
        ...(few || figure.xScale === 'log' ? { filter: (plot, splits) => apart(plot, splits) } : {}),
      },
      {
        ...axis(figure.yLabel),
        size: (plot, values) => {
          const { ctx } = plot;
          ctx.save();
          ctx.font = font(12);
          const widest = Math.max(0, ...(values ?? []).map((value) => ctx.measureText(value).width));
          ctx.restore();
          return Math.ceil(widest) + 20;
        },
        values: (_, splits) => splits.map(tick),
        ...(figure.yScale === 'log'
          ? {
              splits: (_, __, low, high) => logTicks(low, high),
              filter: (_, splits) => splits,
            }
          : {}),
      },
    ],
    hooks: {
      drawAxes: [(plot) => drawLevels(plot, figure, colors, 'lines')],
      draw: [(plot) => drawLevels(plot, figure, colors, 'names')],
      drawSeries: [
        (plot, index) => {
          if (index >= 1 && index <= entry.looks.length) drawMarkers(plot, index, entry, colors);
        },
      ],
      setCursor: [(plot) => readLegend(entry, plot.cursor.idx)],
      setScale: [
        (plot, key) => {
          if (key !== 'x') return;
          const { min, max } = plot.scales.x ?? {};
          const whole = (min ?? first) <= first && (max ?? last) >= last;
          element(`[data-reset="${entry.index}"]`).hidden = whole;
        },
      ],
    },
  };
  entry.plot = new UPlot(options, /** @type {import('uplot').AlignedData} */ ([xs, ...columns]), host);
}

/**
 * A logarithmic axis has no place for zero and below.
 * @param {(number | null | undefined)[]} values
 * @param {'linear' | 'log'} scale
 */
function positive(values, scale) {
  return scale === 'linear'
    ? values
    : values.map((value) => (typeof value === 'number' && value <= 0 ? null : value));
}

/**
 * Leaves out the labels that would touch the one before.
 * @param {import('uplot')} plot
 * @param {number[]} splits
 * @returns {(number | null)[]}
 */
function apart(plot, splits) {
  let free = Number.NEGATIVE_INFINITY;
  return splits.map((value) => {
    const middle = plot.valToPos(value, 'x');
    const half = 4 + tick(value).length * 3.6;
    if (middle - half < free) return null;
    free = middle + half;
    return value;
  });
}

/**
 * The named levels: their lines behind the series, or their names above all.
 * @param {import('uplot')} plot
 * @param {Figure} figure
 * @param {Theme} colors
 * @param {'lines' | 'names'} what
 */
function drawLevels(plot, figure, colors, what) {
  const { ctx, bbox } = plot;
  const ratio = UPlot.pxRatio;
  const right = bbox.left + bbox.width;
  const bottom = bbox.top + bbox.height;
  ctx.save();
  ctx.globalAlpha = 1;
  for (const { label, y } of figure.levels ?? []) {
    const at = plot.valToPos(y, 'y', true);
    if (!Number.isFinite(at) || at < bbox.top || at > bottom) continue;
    ctx.beginPath();
    if (what === 'lines') {
      ctx.strokeStyle = colors.quiet;
      ctx.lineWidth = ratio;
      ctx.setLineDash([10, 4, 2, 4].map((part) => part * ratio));
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(right, at);
      ctx.stroke();
      continue;
    }
    // On the side of the line that is farther from the middle, where fewer lines pass, if there is room.
    const room = 18 * ratio;
    const above = at - room < bbox.top ? false : at + room > bottom || at < (bbox.top + bottom) / 2;
    ctx.setLineDash([]);
    ctx.font = font(12 * ratio);
    ctx.textAlign = 'right';
    ctx.textBaseline = above ? 'bottom' : 'top';
    ctx.lineWidth = 4 * ratio;
    ctx.lineJoin = 'round';
    ctx.strokeStyle = colors.background;
    ctx.fillStyle = colors.quiet;
    const position = /** @type {const} */ ([right - 4 * ratio, at + (above ? -3 : 4) * ratio]);
    ctx.strokeText(label, ...position);
    ctx.fillText(label, ...position);
  }
  ctx.restore();
}

/**
 * On each value when there are few, on about twelve of them otherwise, staggered from line to line.
 * @param {import('uplot')} plot
 * @param {number} index
 * @param {Drawn} entry
 * @param {Theme} colors
 */
function drawMarkers(plot, index, entry, colors) {
  const series = plot.series[index];
  const look = entry.looks[index - 1];
  const values = plot.data[index];
  if (!series?.show || !look?.shape || !values) return;
  const { ctx, bbox } = plot;
  const ratio = UPlot.pxRatio;
  const present = entry.xs.flatMap((x, at) => {
    const y = values[at];
    return typeof y === 'number' ? [[x, y]] : [];
  });
  const every = present.length <= 24 ? 1 : Math.ceil(present.length / 12);
  ctx.save();
  ctx.globalAlpha = series.alpha ?? 1;
  ctx.setLineDash([]);
  ctx.strokeStyle = look.color;
  ctx.lineWidth = 1.75 * ratio;
  ctx.fillStyle = look.hollow ? colors.background : look.color;
  present.forEach(([x = 0, y = 0], at) => {
    if (at % every !== (every === 1 ? 0 : (index * 3) % every)) return;
    const left = plot.valToPos(x, 'x', true);
    const top = plot.valToPos(y, 'y', true);
    if (left < bbox.left - 1 || left > bbox.left + bbox.width + 1) return;
    ctx.beginPath();
    trace(ctx, /** @type {Shape} */ (look.shape), left, top, 4.2 * ratio);
    ctx.fill();
    ctx.stroke();
  });
  ctx.restore();
}

/**
 * @param {CanvasRenderingContext2D} path
 * @param {Shape} shape
 * @param {number} x
 * @param {number} y
 * @param {number} r
 */
function trace(path, shape, x, y, r) {
  const outline = corners(shape, r);
  if (outline.length === 0) {
    path.arc(x, y, r, 0, 2 * Math.PI);
    return;
  }
  outline.forEach(([dx = 0, dy = 0], index) => {
    if (index === 0) path.moveTo(x + dx, y + dy);
    else path.lineTo(x + dx, y + dy);
  });
  path.closePath();
}

/**
 * @param {Shape} shape
 * @param {number} r
 * @returns {number[][]} none for a circle
 */
function corners(shape, r) {
  return outlines[shape].map((pair) => pair.map((value) => value * r));
}

// Legend

/**
 * @param {Drawn} entry
 * @param {number} index
 */
function makeLegend(entry, index) {
  const { figure } = entry;
  const legend = element(`[data-legend="${index}"]`);
  const head = create('p', 'legend-head');
  head.append(create('span', '', figure.xLabel), create('span', 'at number', '–'));
  const list = create('ul');
  list.setAttribute('aria-label', `Lines of ${figure.title}`);
  figure.series.forEach((series, at) => {
    const button = /** @type {HTMLButtonElement} */ (create('button'));
    button.type = 'button';
    button.setAttribute('aria-pressed', 'true');
    button.append(
      create('span', 'swatch'),
      create('span', 'name', series.label),
      create('span', 'value-at number'),
    );
    button.addEventListener('click', () => toggle(entry, at));
    for (const type of ['mouseenter', 'focus']) button.addEventListener(type, () => highlight(entry, at));
    for (const type of ['mouseleave', 'blur']) button.addEventListener(type, () => highlight(entry, null));
    entry.buttons.push(button);
    const item = create('li');
    item.append(button);
    list.append(item);
  });
  for (const { label, y } of figure.levels ?? []) {
    const item = create('li', 'level');
    const swatch = create('span', 'swatch');
    swatch.append(
      sample({ color: 'currentColor', dash: [7, 3, 2, 3], shape: undefined, hollow: false, width: 1 }),
    );
    item.append(swatch, create('span', 'name', label), create('span', 'number', show(y)));
    list.append(item);
  }
  legend.append(head, list);
}

/** @param {Drawn} entry */
function paintLegend(entry) {
  entry.buttons.forEach((button, index) => {
    const look = entry.looks[index];
    if (look) element('.swatch', button).replaceChildren(sample(look));
  });
}

/**
 * A piece of line as it is drawn in the plot.
 * @param {Look} look
 */
function sample({ color, dash, shape, hollow, width }) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const set = (/** @type {Element} */ target, /** @type {Record<string, string | number>} */ attributes) => {
    for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, String(value));
    return target;
  };
  set(svg, { width: 40, height: 14, viewBox: '0 0 40 14', 'aria-hidden': 'true' });
  const line = document.createElementNS(space, 'line');
  svg.append(set(line, { x1: 1, x2: 39, y1: 7, y2: 7, stroke: color, 'stroke-width': width }));
  if (dash.length) line.setAttribute('stroke-dasharray', dash.map((part) => part * 0.8).join(' '));
  if (shape) {
    const outline = corners(shape, 4.2);
    const mark = document.createElementNS(space, outline.length ? 'polygon' : 'circle');
    if (outline.length)
      set(mark, { points: outline.map(([x = 0, y = 0]) => `${20 + x},${7 + y}`).join(' ') });
    else set(mark, { cx: 20, cy: 7, r: 4.2 });
    svg.append(set(mark, { fill: hollow ? theme().background : color, stroke: color, 'stroke-width': 1.75 }));
  }
  return svg;
}

/**
 * @param {Drawn} entry
 * @param {number} index
 */
function toggle(entry, index) {
  const visible = entry.hidden.has(index);
  if (visible) entry.hidden.delete(index);
  else entry.hidden.add(index);
  entry.buttons[index]?.setAttribute('aria-pressed', String(visible));
  const { plot, figure } = entry;
  if (!plot) return;
  // The two edges of a band follow their line.
  const banded = figure.series.flatMap(({ low, high }, at) => (low && high ? [at] : []));
  const edges = 1 + figure.series.length + 2 * banded.indexOf(index);
  plot.batch(() => {
    plot.setSeries(index + 1, { show: visible });
    if (banded.includes(index))
      for (const edge of [edges, edges + 1]) plot.setSeries(edge, { show: visible });
  });
}

/**
 * @param {Drawn} entry
 * @param {number | null} index
 */
function highlight(entry, index) {
  if (index !== null && entry.hidden.has(index)) return;
  entry.plot?.setSeries(index === null ? null : index + 1, { focus: true });
}

/**
 * @param {Drawn} entry
 * @param {number | null | undefined} at
 */
function readLegend(entry, at) {
  const legend = element(`[data-legend="${entry.index}"]`);
  const x = typeof at === 'number' ? entry.xs[at] : undefined;
  element('.at', legend).textContent = show(x);
  entry.buttons.forEach((button, index) => {
    const value = typeof at === 'number' ? entry.ys[index]?.[at] : undefined;
    element('.value-at', button).textContent = x === undefined ? '' : show(value);
  });
}

// Keyboard

/**
 * @param {Drawn} entry
 * @param {number} index
 * @param {KeyboardEvent} event
 */
function steer(entry, index, event) {
  const { plot, xs } = entry;
  if (!plot || xs.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  const { min = xs[0], max = xs[xs.length - 1] } = plot.scales.x ?? {};
  const from = xs.findIndex((x) => x >= (min ?? 0));
  const to = xs.findLastIndex((x) => x <= (max ?? 0));
  const here = plot.cursor.idx;
  const step = event.shiftKey ? 10 : 1;
  const start = typeof here === 'number' && (plot.cursor.left ?? -1) >= 0;
  let at = start ? here : from - step;
  if (event.key === 'ArrowRight') at += step;
  else if (event.key === 'ArrowLeft') at = start ? at - step : to;
  else if (event.key === 'Home') at = from;
  else if (event.key === 'End') at = to;
  else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    nextSeries(entry, event.key === 'ArrowDown' ? 1 : -1);
    if (!start) at = from;
  } else if (event.key === 'Escape') return leave(entry);
  else if (event.key === '0') return showAll(entry);
  else return;
  event.preventDefault();
  at = Math.min(to, Math.max(from, at));
  plot.setCursor({ left: plot.valToPos(xs[at] ?? 0, 'x'), top: plot.over.clientHeight / 2 });
  element(`[data-readout="${index}"]`).textContent = spoken(entry, at);
}

/**
 * The next visible series, or all of them after the last.
 * @param {Drawn} entry
 * @param {number} by
 */
function nextSeries(entry, by) {
  const stops = [-1, ...entry.figure.series.keys()].filter((at) => !entry.hidden.has(at));
  const next = stops[(stops.indexOf(entry.current) + by + stops.length) % stops.length] ?? -1;
  setCurrent(entry, next);
}

/**
 * @param {Drawn} entry
 * @param {number} index
 */
function setCurrent(entry, index) {
  entry.current = index;
  entry.buttons.forEach((button, at) => {
    button.classList.toggle('current', at === index);
  });
  highlight(entry, index < 0 ? null : index);
}

/**
 * @param {Drawn} entry
 * @param {number} at
 */
function spoken({ figure, xs, ys, hidden, current }, at) {
  const values = figure.series.flatMap(({ label }, index) => {
    const value = ys[index]?.[at];
    if (hidden.has(index) || (current >= 0 && current !== index) || typeof value !== 'number') return [];
    return [`${label} ${show(value)}`];
  });
  return `${figure.xLabel} ${show(xs[at])}: ${values.join('; ') || 'no value'}`;
}

/** @param {Drawn} entry */
function leave(entry) {
  entry.plot?.setCursor({ left: -10, top: -10 });
  if (entry.current >= 0) setCurrent(entry, -1);
}

/** @param {Drawn} entry */
function showAll({ plot, xs }) {
  if (plot && xs.length) plot.setScale('x', { min: xs[0] ?? 0, max: xs[xs.length - 1] ?? 1 });
}

// Downloads

/**
 * @param {Figure} figure
 * @param {string} extension
 */
function fileName({ id }, extension) {
  return `prenorm-${data.preset}-${id}.${extension}`.replace(/[^\w.-]+/g, '-');
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  announce(`Saved ${name}.`);
}

/** One row per value, with all its digits. @param {Figure} figure */
function saveCsv(figure) {
  const quote = (/** @type {string | number | null | undefined} */ value) => {
    const text = value === null || value === undefined ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  /** @type {(string | number | null | undefined)[][]} */
  let rows = [['series', 'placement', figure.xLabel, figure.yLabel, 'lowest seed', 'highest seed']];
  for (const { label, placement, x, y, low, high } of figure.series) {
    x.forEach((value, at) => {
      rows.push([label, placement, value, y[at], low?.[at], high?.[at]]);
    });
  }
  for (const { label, y } of figure.levels ?? []) rows.push([`level: ${label}`, '', '', y, '', '']);
  if (figure.heatmap) rows = mapRows(figure.heatmap);
  const text = rows.map((row) => row.map(quote).join(',')).join('\r\n');
  save(new Blob([`${text}\r\n`], { type: 'text/csv;charset=utf-8' }), fileName(figure, 'csv'));
}

/**
 * @param {import('../../experiments/results.js').Heatmap} map
 * @returns {(string | number | null | undefined)[][]}
 */
function mapRows({ rowLabel, columnLabel, rows, columns, panels, valueLabel }) {
  const cells = panels.flatMap(({ label, values }) =>
    rows.flatMap((row, r) => columns.map((column, c) => [label, row, column, values[r]?.[c]])),
  );
  return [['map', rowLabel, columnLabel, valueLabel], ...cells];
}

/** Heat maps and bars stand on the page already; here they get their keys and downloads. */
function setUpCharts() {
  for (const host of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-chart]'))) {
    const index = Number(host.dataset.chart);
    const figure = /** @type {Figure} */ (data.figures[index]);
    const cells = /** @type {SVGElement[]} */ ([...host.querySelectorAll('[data-say]')]);
    let at = -1;
    host.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const columns = Number(cells[0]?.dataset.columns ?? 1);
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
      if (by === undefined || cells.length === 0) return;
      event.preventDefault();
      cells[at]?.classList.remove('current');
      at = at < 0 ? 0 : Math.min(cells.length - 1, Math.max(0, at + by));
      cells[at]?.classList.add('current');
      element(`[data-readout="${index}"]`).textContent = cells[at]?.dataset.say ?? '';
    });
    host.addEventListener('blur', () => {
      cells[at]?.classList.remove('current');
    });
    const csv = element(`[data-csv="${index}"]`);
    const png = element(`[data-png="${index}"]`);
    csv.hidden = false;
    png.hidden = false;
    csv.addEventListener('click', () => saveCsv(figure));
    png.addEventListener('click', () => void saveChart(figure, host));
  }
}

/**
 * @param {Figure} figure
 * @param {HTMLElement} host
 */
async function saveChart(figure, host) {
  const svgs = [...host.querySelectorAll('svg')];
  const images = await Promise.all(
    svgs.map(async (svg) => {
      const copy = /** @type {SVGElement} */ (svg.cloneNode(true));
      copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
      copy.setAttribute('color', '#1a1f24');
      copy.removeAttribute('class');
      const image = new Image();
      image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
      await image.decode();
      return image;
    }),
  );
  const wide = Math.max(...images.map(({ width }) => width));
  const high = Math.max(...images.map(({ height }) => height));
  const across = Math.max(1, Math.min(images.length, Math.floor(1100 / wide)));
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  if (!context) return;
  context.font = font(17, '600');
  const width = Math.max(440, across * (wide + 20) + 20);
  const title = wrapText(context, figure.title, width - 40);
  const note = figure.heatmap ? [`${figure.heatmap.valueLabel}; one colour scale`] : [];
  const top = 30 + title.length * 23 + note.length * 18;
  canvas.width = 2 * width;
  canvas.height = 2 * (top + Math.ceil(images.length / across) * (high + 16) + 30);
  context.scale(2, 2);
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#1a1f24';
  context.font = font(17, '600');
  title.forEach((text, line) => {
    context.fillText(text, 20, 34 + line * 23);
  });
  context.font = font(12);
  if (note[0]) context.fillText(note[0], 20, 34 + title.length * 23);
  images.forEach((image, at) => {
    context.drawImage(image, 20 + (at % across) * (wide + 20), top + Math.floor(at / across) * (high + 16));
  });
  context.fillText(`prenorm reproduce, preset ${data.preset}`, 20, canvas.height / 2 - 12);
  canvas.toBlob((blob) => {
    if (blob) save(blob, fileName(figure, 'png'));
  }, 'image/png');
}

/** In the colours of paper, whatever the screen shows. @param {Drawn} entry */
async function savePng(entry) {
  const before = root.dataset.theme;
  root.dataset.theme = 'light';
  draw(entry, theme());
  await new Promise((drawnNow) => setTimeout(drawnNow, 20));
  composePng(entry);
  if (before) root.dataset.theme = before;
  else delete root.dataset.theme;
  draw(entry, theme());
}

/** Title, plot, legend and source. @param {Drawn} entry */
function composePng(entry) {
  const { figure, plot, looks, hidden } = entry;
  if (!plot) return;
  const colors = theme();
  const scale = UPlot.pxRatio;
  const margin = 20;
  const width = plot.width + 2 * margin;
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  if (!context) return;
  /** @type {{ look: Look, label: string, x: number, line: number }[]} */
  const keys = [];
  context.font = font(13);
  let x = 0;
  let line = 0;
  figure.series.forEach(({ label }, index) => {
    const look = looks[index];
    if (hidden.has(index) || !look) return;
    const wide = 48 + context.measureText(label).width + 20;
    if (x > 0 && x + wide > plot.width) {
      x = 0;
      line++;
    }
    keys.push({ look, label, x, line });
    x += wide;
  });
  context.font = font(17, '600');
  const title = wrapText(context, figure.title, plot.width);
  const top = margin + title.length * 23 + 6;
  const height = top + plot.height + 12 + (line + 1) * 22 + 14 + margin;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  context.scale(scale, scale);
  context.fillStyle = colors.background;
  context.fillRect(0, 0, width, height);
  context.fillStyle = colors.text;
  context.textBaseline = 'middle';
  context.font = font(17, '600');
  title.forEach((text, at) => {
    context.fillText(text, margin, margin + 11 + at * 23);
  });
  context.drawImage(plot.ctx.canvas, margin, top, plot.width, plot.height);
  context.font = font(13);
  for (const { look, label, x: left, line: row } of keys) {
    const middle = top + plot.height + 22 + row * 22;
    context.save();
    context.strokeStyle = look.color;
    context.lineWidth = look.width;
    context.setLineDash(look.dash);
    context.beginPath();
    context.moveTo(margin + left, middle);
    context.lineTo(margin + left + 40, middle);
    context.stroke();
    context.setLineDash([]);
    if (look.shape) {
      context.fillStyle = look.hollow ? colors.background : look.color;
      context.lineWidth = 1.75;
      context.beginPath();
      trace(context, look.shape, margin + left + 20, middle, 4.2);
      context.fill();
      context.stroke();
    }
    context.restore();
    context.fillText(label, margin + left + 48, middle);
  }
  context.fillStyle = colors.quiet;
  context.font = font(11);
  context.textAlign = 'right';
  context.fillText(`prenorm reproduce, preset ${data.preset}`, width - margin, height - margin + 4);
  canvas.toBlob((blob) => {
    if (blob) save(blob, fileName(figure, 'png'));
  }, 'image/png');
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} width
 */
function wrapText(context, text, width) {
  /** @type {string[]} */
  const lines = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line ? `${line} ${word}` : word;
    if (line && context.measureText(longer).width > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

// Runs and commands

function setUpSorting() {
  const table = document.querySelector('table.runs');
  if (!(table instanceof HTMLTableElement)) return;
  const body = /** @type {HTMLTableSectionElement} */ (table.tBodies[0]);
  const heads = [...table.querySelectorAll('thead th')];
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (table.querySelectorAll('[data-sort]'));
  buttons.forEach((button, column) => {
    button.disabled = false;
    button.addEventListener('click', () => {
      const head = /** @type {Element} */ (heads[column]);
      const up = head.getAttribute('aria-sort') !== 'ascending';
      const numeric = head.classList.contains('number');
      for (const other of heads) other.setAttribute('aria-sort', 'none');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const value = (/** @type {HTMLTableRowElement} */ row) => row.cells[column]?.dataset.value ?? '';
      // Rows without a value stay at the end in either direction.
      const sorted = [...body.rows].sort((one, two) => {
        const [a, b] = [value(one), value(two)];
        if (a === '' || b === '') return Number(a === '') - Number(b === '');
        const order = numeric ? Number(a) - Number(b) : a.localeCompare(b, 'en', { numeric: true });
        return up ? order : -order;
      });
      body.append(...sorted);
      announce(`Runs sorted by ${button.textContent}, ${up ? 'ascending' : 'descending'}.`);
    });
  });
}

function setUpCopying() {
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (
    document.querySelectorAll('[data-copy]')
  )) {
    button.hidden = false;
    button.addEventListener('click', async () => {
      const text = button.dataset.copy ?? '';
      try {
        await navigator.clipboard.writeText(text);
        announce('Command copied.');
      } catch {
        // Without access to the clipboard the command is selected, ready to be copied by hand.
        const code = button.parentElement?.querySelector('code');
        if (code) getSelection()?.selectAllChildren(code);
        announce('Command selected; copy it with the keyboard.');
      }
    });
  }
}
