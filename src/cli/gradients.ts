/** @file `prenorm gradients`: per-layer gradient and activation norms at initialisation beside the theory. */

import { ConfigError } from '../errors.js';
import { runGradients } from '../experiments/index.js';
import { TOY_POSITIONS } from '../experiments/kinds/gradients.js';
import { mean } from '../experiments/statistics.js';
import { type NormPlacement, normPlacements } from '../nn/index.js';
import { placementName } from '../nn/placement-names.js';
import { columnsOf } from '../terminal/output.js';
import { table } from '../terminal/table.js';
import { wrap } from '../terminal/wrap.js';
import { put } from '../terminal/write.js';
import {
  lastLayerGradient,
  periHiddenNorm,
  periLastLayerGradient,
  postHiddenNorm,
  profileRatio,
} from '../theory/index.js';
import { EXIT, interruptSignal } from './errors.js';
import { progressBars } from './progress.js';
import { type EngineOptions, start } from './start.js';

export interface GradientsOptions extends EngineOptions {
  layers: string;
  placement: string;
  setting: 'theory' | 'toy';
  seeds: number;
  seed: number;
  dModel: number;
  json?: boolean;
}

export async function gradients(options: GradientsOptions): Promise<number> {
  const layers = options.layers.split(',').map(Number);
  if (layers.some((n) => !Number.isInteger(n) || n < 1)) {
    throw new ConfigError(`--layers must be whole numbers with commas between, got "${options.layers}"`, {
      op: 'gradients',
    });
  }
  const names =
    options.placement === 'all' ? normPlacements : (options.placement.split(',') as NormPlacement[]);
  for (const name of names) {
    if (normPlacements.includes(name)) continue;
    throw new ConfigError(`--placement does not know "${name}"`, {
      op: 'gradients',
      hint: `use all, or some of ${normPlacements.join(',')}`,
    });
  }
  const { setting, dModel } = options;
  await start(options);
  const signal = interruptSignal();
  const seeds = Array.from({ length: options.seeds }, (_, i) => options.seed + i);
  const bars = progressBars({ quiet: options.json });
  const out = [];
  try {
    for (const placement of names) {
      const bar = bars.add(placementName(placement), layers.length * seeds.length);
      const run = await runGradients(
        {
          kind: 'gradients',
          id: placement,
          label: placement,
          setting,
          placement,
          layers,
          seeds,
          dModel,
          batches: 1,
        },
        null,
        (p) => bar.update(p.done, p.text),
        signal,
      );
      bar.stop();
      for (const numLayers of layers) {
        const points = (run.points ?? []).filter((p) => p.numLayers === numLayers);
        const per = (get: (layer: (typeof points)[0]['encoder'][0]) => number) =>
          Array.from({ length: numLayers }, (_, l) => mean(points.map((p) => get(p.encoder[l]))));
        const hidden = per((layer) => layer.hidden);
        const w2 = per((layer) => layer.w2);
        const r = setting === 'theory' ? 1 : 2;
        const theory = theoryOf(placement, dModel, r, numLayers, hidden);
        out.push({
          placement,
          numLayers,
          seeds: seeds.length,
          lastW2: w2[numLayers - 1],
          predictedLastW2: theory?.lastW2 ?? null,
          w1: per((layer) => layer.w1),
          w2,
          hidden,
          predictedProfile: theory?.profile ?? null,
        });
      }
    }
  } finally {
    bars.stop();
  }
  const text = gradientTables(
    out,
    `${setting} setting, d ${dModel}, mean of ${seeds.length} seed${seeds.length > 1 ? 's' : ''}`,
    columnsOf(process.stdout),
  );
  put(options.json ? `${JSON.stringify({ setting, dModel, results: out }, null, 1)}\n` : text);
  return EXIT.done;
}

/** What the theory says of the last layer's gradient and of the profile; null for placements it does not cover. */
function theoryOf(placement: NormPlacement, d: number, r: number, numLayers: number, hidden: number[]) {
  const last = hidden[numLayers - 1];
  const profile = hidden.map((h) => profileRatio(last, h));
  switch (placement) {
    case 'post':
      return {
        lastW2: lastLayerGradient(d, r, TOY_POSITIONS, postHiddenNorm(r)),
        profile: hidden.map(() => 1),
      };
    case 'pre':
      return { lastW2: lastLayerGradient(d, r, TOY_POSITIONS, last), profile };
    case 'peri':
    case 'sandwich':
      return { lastW2: periLastLayerGradient(d, r, TOY_POSITIONS, periHiddenNorm(numLayers)), profile };
    default:
      return null;
  }
}

/** What was measured at one depth of one placement, and the theory. */
export interface Row {
  placement: string;
  numLayers: number;
  lastW2: number;
  predictedLastW2: number | null;
  w2: number[];
  hidden: number[];
  predictedProfile: number[] | null;
}

/** Columns of one placement in a table of profiles: measured and theory, and the most that stand beside each other. */
const PROFILE = 18;
const MOST = 4;

/** Two tables: the last layer at every depth, and every layer at the largest depth. */
export function gradientTables(rows: Row[], setting: string, columns: number): string {
  const lines = [
    ...wrap(`Gradient of the last feed-forward W2 at initialisation (${setting})`, columns),
    '',
    ...lastLayers(rows, columns),
  ];
  const deepest = Math.max(...rows.map((row) => row.numLayers));
  lines.push(
    '',
    ...wrap(
      `Layer by layer at ${deepest} layers: ||dL/dW2|| over that of the last layer, and the theory`,
      columns,
    ),
    ...profiles(
      rows.filter((row) => row.numLayers === deepest),
      deepest,
      columns,
    ),
    '',
    ...wrap(
      'Post-LN: the theory predicts the last layer; of the profile it says only "flat for uniform tokens".\nPre-LN: the last layer and the profile follow from the measured E||x||²/d. Peri-LN: the profile does.',
      columns,
    ),
  );
  return `${lines.join('\n')}\n`;
}

function lastLayers(rows: Row[], columns: number): string[] {
  const cells = rows.map(({ placement, numLayers, lastW2, predictedLastW2, hidden }) => [
    placementName(placement),
    String(numLayers),
    lastW2.toFixed(4),
    predictedLastW2?.toFixed(4) ?? '-',
    hidden[numLayers - 1].toFixed(2),
  ]);
  const titles = ['', 'layers', '||dL/dW2||', 'theory', 'E||x||²/d'];
  return table(
    titles.map((title, i) => ({ title, right: i > 0 })),
    cells,
    { columns },
  );
}

function profiles(rows: Row[], deepest: number, columns: number): string[] {
  const most = Math.max(1, Math.min(MOST, Math.floor((columns - 5) / PROFILE)));
  const lines: string[] = [];
  for (let first = 0; first < rows.length; first += most) {
    const block = rows.slice(first, first + most);
    const names = block.map((row) => ` ${placementName(row.placement).padStart(10)}`.padEnd(PROFILE));
    lines.push('', `layer${names.join('')}`.trimEnd());
    for (let l = 0; l < deepest; l++) {
      const cells = block.map(({ w2, lastW2, predictedProfile }) => {
        const theory = predictedProfile?.[l].toFixed(2) ?? '-';
        // ReZero's branches have no gradient at first.
        const relative = lastW2 > 0 ? (w2[l] / lastW2).toFixed(2) : '-';
        return relative.padStart(10) + theory.padStart(8);
      });
      lines.push(String(l + 1).padStart(5) + cells.join(''));
    }
  }
  return lines;
}
