/** @file Samples of a run as they improve: one table for each input, a row for each evaluation. */
import { html, type Markup } from './markup.js';
import type { RunHistory, RunSample } from './run-history.js';
import { cut } from './run-report.js';

/** Inputs that are shown; files have them all. */
const MOST_INPUTS = 8;
const LONGEST = 500;

interface Input {
  prompt: string;
  reference?: string;
  rows: { step: number; text: string }[];
}

export function samplesSection({ samples, evaluations }: RunHistory): Markup {
  const inputs = inputsOf(samples);
  const shown = inputs.slice(0, MOST_INPUTS);
  const losses = new Map(evaluations.map(({ step, validNll }) => [step, validNll]));
  return html`${shown.map(({ prompt, reference, rows }) => {
    return html`<table class="samples"><caption><span class="fine">Input</span> <q class="text">${cut(prompt, LONGEST)}</q>${
      reference === undefined
        ? ''
        : html` <span class="fine">should give</span> <q class="text">${cut(reference, LONGEST)}</q>`
    }</caption>
<thead><tr><th scope="col">Step</th><th scope="col">Held out</th><th scope="col">The model’s answer</th></tr></thead>
<tbody>${rows.map(({ step, text }) => {
      const loss = losses.get(step);
      return html`<tr><th scope="row">${step}</th><td>${typeof loss === 'number' ? loss.toFixed(3) : ''}</td><td class="text">${cut(text.trim(), LONGEST)}</td></tr>`;
    })}</tbody></table>`;
  })}${
    inputs.length > shown.length
      ? html`<p class="fine">${shown.length} of ${inputs.length} inputs are shown; samples.csv has all.</p>`
      : ''
  }`;
}

/** The same inputs come in the same order at every evaluation; one prompt may have several continuations. */
function inputsOf(groups: RunHistory['samples']): Input[] {
  const inputs = new Map<string, Input>();
  for (const { step, samples } of groups) {
    const seen = new Map<string, number>();
    for (const { prompt, text, reference } of samples) {
      const turn = (seen.get(prompt) ?? 0) + 1;
      seen.set(prompt, turn);
      const key = JSON.stringify([prompt, turn]);
      const input: Input = inputs.get(key) ?? { prompt, ...withReference(reference), rows: [] };
      input.rows.push({ step, text });
      inputs.set(key, input);
    }
  }
  return [...inputs.values()];
}

function withReference(reference: RunSample['reference']): { reference?: string } {
  return reference === undefined ? {} : { reference };
}
