/** @file Claims, folded under the figure that shows them, and what a claim says when it is unfolded. */
import { experiments } from '../experiments/index.js';
import type { ClaimRow, Figure, Results } from '../experiments/results.js';
import { prose } from './formulas.js';
import { badge } from './fragments.js';
import { type Content, html, type Markup } from './markup.js';
import {
  comparedNumbers,
  controlOutcome,
  expectation,
  formatNumber,
  isExpected,
  median,
  shortHash,
  tally,
  whyOf,
} from './wording.js';

/** Claims that a figure shows, and those of an experiment that none does. */
export interface PlacedClaims {
  under: Map<Figure, ClaimRow[]>;
  rest: ClaimRow[];
}

/** Where the register of experiments says that a claim is drawn; other versions' claims are found by their name. */
export function placeClaims(claims: readonly ClaimRow[], figures: readonly Figure[]): PlacedClaims {
  const under = new Map<Figure, ClaimRow[]>();
  const rest: ClaimRow[] = [];
  for (const claim of claims) {
    const registered = experiments
      .find(({ name }) => name === claim.experiment)
      ?.claims.find((one) => one.claim === claim.claim);
    const figure = registered?.drawnIn && figures.find(({ id }) => id === registered.drawnIn);
    if (figure) under.set(figure, [...(under.get(figure) ?? []), claim]);
    else rest.push(claim);
  }
  return { under, rest };
}

/** Open where something came out otherwise than expected. */
export function claimsFold(claims: readonly ClaimRow[], about = ''): Markup | undefined {
  if (claims.length === 0) return undefined;
  const open = claims.some((claim) => !isExpected(claim));
  return html`<details class="claims"${open ? html` open` : ''}><summary>${claims.length} ${claims.length === 1 ? 'claim' : 'claims'}${about}: ${claims.length === 1 ? claims[0]!.verdict : tally(claims)}; <span class="${open ? 'differ' : 'agree'}">${expectation(claims)}</span></summary>
${claims.map(claimCard)}</details>
`;
}

function claimCard(claim: ClaimRow): Markup {
  const why = whyOf(claim);
  const rows: [string, Content][] = [
    ['Measured', measured(claim)],
    ['Bar', claim.threshold ? prose(claim.threshold) : undefined],
    ["The paper's number", claim.paper ? prose(claim.paper) : undefined],
    ['Seeds', votes(claim)],
    ['Why', why ? prose(why) : undefined],
    ['Control', besideClaim(claim)],
  ];
  return html`<article class="claim ${isExpected(claim) ? 'as-expected' : 'unexpected'}" id="claim-${claim.claim}" aria-label="${claim.claim}">
<p class="statement">${prose(claim.statement)} <span class="tag">${claim.figure}</span></p>
<p class="judged">${badge(claim.verdict)} ${
    isExpected(claim)
      ? html`<span class="agree">as expected</span>`
      : html`<span class="differ">not as expected</span>, which was: ${claim.expected}`
  }</p>
<dl class="pairs">${rows.map(([name, value]) =>
    value ? html`<div><dt>${name}</dt><dd>${value}</dd></div>` : '',
  )}</dl>
${isExpected(claim) ? '' : perSeed(claim)}<details><summary>How it is judged<span class="unseen">: ${claim.claim}</span></summary>
<p>${prose(claim.protocol)}</p>
${isExpected(claim) ? perSeed(claim) : ''}
<p class="copy"><code>${claim.command}</code>
<button type="button" data-copy="${claim.command}" hidden>Copy<span class="unseen"> the command of ${claim.claim}</span></button></p>
${
  claim.runHashes.length
    ? html`<p class="hashes">Rests on the runs ${claim.runHashes.map(
        (hash, index) => html`${index ? ', ' : ''}<code>${shortHash(hash)}</code>`,
      )}.</p>`
    : ''
}</details>
</article>
`;
}

/** The numbers that the bar was held against, each with its name. */
function measured(claim: ClaimRow): Content {
  const { seeds, metric, compared } = claim;
  const numbers = comparedNumbers(claim);
  if (numbers.length === 0) return undefined;
  const lines = numbers.map(({ name, values }) => {
    const spread =
      values.length > 1
        ? `${range(values)} over ${values.length} seeds`
        : seeds.length > 1
          ? `over ${seeds.length} seeds`
          : `seed ${seeds[0] ?? 1}`;
    return html`
<span class="compared"><b class="value">${formatNumber(median(values))}</b> <span class="quiet">(${spread})</span> <span class="metric">${prose(name)}</span></span>`;
  });
  return html`${lines}${compared?.length && metric ? html` <span class="metric">${prose(metric)}</span>` : ''}`;
}

/** What was held against the same bar, or why there is nothing. */
function besideClaim({ control, uncontrolled }: ClaimRow): Content {
  if (!control)
    return uncontrolled ? html`<span class="quiet">none: ${prose(uncontrolled)}</span>` : undefined;
  const { factor, perSeed, metric, verdict } = control;
  const spread = perSeed.length > 1 ? `${range(perSeed)} over ${perSeed.length} seeds` : 'one seed';
  return html`${prose(factor)}: <b class="value">${formatNumber(median(perSeed))}</b> <span class="quiet">(${spread})</span> <span class="metric">${prose(metric)}</span>; <span class="${verdict === 'does not hold' ? 'agree' : 'differ'}">${controlOutcome(control)}</span>`;
}

/** How many seeds are on the claimed side of the bar, where seeds are what is counted. */
function votes({ met, seeds }: ClaimRow): string | undefined {
  if (!met || seeds.length < 2) return undefined;
  return `${met.filter(Boolean).length} of ${met.length} on the claimed side of the bar`;
}

/** A row for each seed, with what was compared and on which side of the bar it is. */
function perSeed(claim: ClaimRow): Markup | undefined {
  const { seeds, met, claim: id, perSeed: own, metric } = claim;
  if (own.length < 2) return undefined;
  const found = comparedNumbers(claim).filter(({ values }) => values.length === own.length);
  const columns = found.length > 0 ? found : [{ name: metric, values: own }];
  const title = columns.length > 1 ? (name: string) => prose(name) : () => 'measured';
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${id}, per seed"><table class="seeds">
<thead><tr><th scope="col">seed</th>${columns.map(
    ({ name }) => html` <th scope="col" class="number">${title(name)}</th>`,
  )}${met ? html` <th scope="col">side of the bar</th>` : ''}</tr></thead>
<tbody>${own.map(
    (_, at) =>
      html`
<tr><th scope="row">${seeds[at] ?? at + 1}</th>${columns.map(
        ({ values }) => html` <td class="number">${formatNumber(values[at])}</td>`,
      )}${met ? html` <td${met[at] ? '' : html` class="differ"`}>${met[at] ? 'as claimed' : 'other side'}</td>` : ''}</tr>`,
  )}
</tbody></table></div>
`;
}

/** Lowest to highest seed; a diverged one is counted, not skipped. */
function range(perSeed: readonly (number | null)[]): string {
  const finite = perSeed.filter((value): value is number => Number.isFinite(value));
  const lost = perSeed.length - finite.length;
  const span = finite.length
    ? `${formatNumber(Math.min(...finite))} to ${formatNumber(Math.max(...finite))}`
    : '';
  return lost ? `${span}${span ? ', ' : ''}${lost} diverged` : span;
}

/** The names of what came out otherwise, as links. */
export function unexpectedClaims({ claims }: Results): Markup | undefined {
  const unexpected = claims.filter((claim) => !isExpected(claim));
  if (unexpected.length === 0) return undefined;
  return html`<ul class="unexpected-list">${unexpected.map(
    ({ claim, verdict, expected }) =>
      html`<li><a href="#claim-${claim}">${claim}</a> ${verdict}; expected: ${expected}</li>`,
  )}</ul>`;
}
