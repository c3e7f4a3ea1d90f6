/** @file What a reader takes along: the curves, the picture, the weights of a lane, its recipe for `prenorm train`. */
import { laneName } from '../../src/lab/configuration.js';
import { csvOfRun } from '../../src/lab/csv.js';
import { laneRecipe } from '../../src/lab/recipes.js';
import { tasks } from '../../src/lab/settings.js';
import { button, element } from '../figures/elements.js';
import { save } from '../figures/export.js';
import { say } from './notices.js';
import { pictureOf } from './picture.js';
import type { LabView } from './view.js';

export function downloads(view: LabView): HTMLElement {
  const lane = element('select', { id: 'download-lane', 'aria-label': 'Lane to download' });
  const renew = (): void => {
    const { value } = lane;
    lane.replaceChildren(
      ...view.lab.lanes.map((_, at) =>
        element('option', { value: at }, `${at + 1}: ${laneName(view.lab, at)}`),
      ),
    );
    lane.value = value === '' || Number(value) >= view.lab.lanes.length ? '0' : value;
  };
  const details = element(
    'details',
    { class: 'downloads' },
    element('summary', {}, 'Download'),
    element(
      'div',
      { class: 'row' },
      button('Curves (CSV)', '', () => {
        if (view.run)
          keep(
            csvOfRun(
              view.lab,
              view.run.lanes.map(({ history }) => history),
            ),
            'lab.csv',
            'text/csv',
          );
      }),
      button('Picture (PNG)', '', () => void savePicture(view)),
    ),
    lane,
    element(
      'div',
      { class: 'row' },
      button('Weights', ' of the lane', () => void saveWeights(view, Number(lane.value))),
      button('Recipe', ' of the lane', () => saveRecipe(view, Number(lane.value))),
    ),
  );
  details.addEventListener('toggle', renew);
  return details;
}

function keep(content: string | Uint8Array<ArrayBuffer>, name: string, type: string): void {
  save(new Blob([content], { type }), name);
  say(`Saved ${name}.`);
}

async function saveWeights({ run }: LabView, lane: number): Promise<void> {
  if (!run?.lanes[lane]?.history) return;
  keep(await run.weights(lane), `lane-${lane + 1}.safetensors`, 'application/octet-stream');
}

function saveRecipe({ lab, content }: LabView, lane: number): void {
  const recipe = laneRecipe(lab, lane, content?.text);
  // A file of the reader's own is named, not repeated.
  const data = tasks[lab.task].own ? { ...recipe.data, text: undefined, source: content?.name } : recipe.data;
  keep(`${JSON.stringify({ ...recipe, data }, null, 2)}\n`, `lane-${lane + 1}.json`, 'application/json');
}

async function savePicture(view: LabView): Promise<void> {
  const blob = await pictureOf(view);
  if (blob) {
    save(blob, 'lab.png');
    say('Saved lab.png.');
  }
}
