/** @file Formulas in sentences: what is one, how it is set, and that nothing of the text is lost. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Results } from '../../src/experiments/results.js';
import { findFormulas } from '../../src/report/formula-parser.js';
import { prose } from '../../src/report/formulas.js';
import { html } from '../../src/report/markup.js';

/** The text with its formulas in brackets. */
const marked = (text: string) =>
  findFormulas(text)
    .map((part) => (typeof part === 'string' ? part : `⟦${part.text}⟧`))
    .join('');

const set = (text: string) => html`${prose(text)}`.text;

test('formulas are found whole', () => {
  for (const text of [
    '||J_LN(x)|| is ⟦O(sqrt(d) / ||x||)⟧: exactly ⟦1 / sqrt(var + eps)⟧'.replace(
      '||J_LN(x)||',
      '⟦||J_LN(x)||⟧',
    ),
    '⟦E||ReLU(X)||² = s² d / 2⟧, and its largest entry squared is below ⟦2 ln(100 d)⟧ with probability 0.99',
    'between ⟦(1 + l/2)d⟧ and ⟦(1 + 3l/2)d⟧, and grows linearly',
    'inside ⟦[1 + l/2, 1 + 3l/2]⟧ everywhere, ⟦R² > 0.99⟧',
    'early layers get larger gradients, by ⟦sqrt(xbar_{L+1} / xbar_{l+1})⟧: what Lemmas 2 and 3 imply',
    'Gradients of Post-LN fall by ⟦(2/3)^((L-l)/2)⟧ towards the input',
    '⟦maxLr · min(1, sqrt(T0 / t))⟧ after the warm-up',
    "⟦gamma' = gamma_S + lambda (gamma_T - gamma_S)⟧ is ⟦gamma_S⟧ at 0",
    'the same scaling: ⟦|c · ||dW2(c)|| / ||dW2(1)|| - 1|⟧, the largest',
    'Narrow models keep to the chi-square law, ⟦delta = exp(-d eps² / 8)⟧',
    '⟦< 1e-3⟧ in Peri-LN, ⟦> 1e-2⟧ in Pre-LN',
    'Post-LN ⟦1.50 ± 0.05⟧, slope within ⟦±0.02⟧',
  ])
    assert.is(marked(text.replace(/[⟦⟧]/g, '')), text);
});

test('what may be prose stays prose', () => {
  for (const text of [
    'Post-LN over 6-6 to 14-14 layers, d 64, dFF 128',
    'Read literally, Fig. 3b says so, and Fig. 3d too',
    'a (0.1, 0.125)-bounded value; 12 of 12 layers, 2,100 steps, 0.5 %',
    'U-Net, T5-base, x86-64, s-shaped, e.g. x',
    'or < and > of words; p < q5x; ends with <',
    'unclosed sqrt( and ||x and x^ and x_{l',
  ])
    assert.is(marked(text), text);
});

test('every text of the recorded results is kept, letter by letter', () => {
  let formulas = 0;
  for (const name of ['quick', 'standard']) {
    const { claims, figures }: Results = JSON.parse(readFileSync(`docs/results/${name}.json`, 'utf8'));
    const texts = [
      ...claims.flatMap((claim) => [
        claim.statement,
        claim.metric,
        claim.threshold,
        claim.protocol,
        claim.reason ?? '',
      ]),
      ...figures.flatMap(({ title, caption }) => [title, caption]),
    ];
    for (const text of texts) {
      const parts = findFormulas(text);
      assert.is(parts.map((part) => (typeof part === 'string' ? part : part.text)).join(''), text);
      formulas += parts.filter((part) => typeof part !== 'string').length;
      // A root, a norm or an exponent outside a formula would be one that was missed.
      for (const part of parts)
        if (typeof part === 'string') assert.not.match(part, /sqrt\(|\|\||[²^_]/, text);
    }
  }
  assert.ok(formulas > 200, `${formulas} formulas`);
});

test('they are set as MathML, with the typed text beside them', () => {
  assert.is(
    set('by (2/3)^l'),
    'by <math><semantics><mrow><msup><mrow><mo form="prefix" stretchy="false">(</mo><mrow><mn>2</mn><mo>/</mo><mn>3</mn></mrow><mo form="postfix" stretchy="false">)</mo></mrow><mrow><mi>l</mi></mrow></msup></mrow><annotation encoding="text/plain">(2/3)^l</annotation></semantics></math>',
  );
  assert.match(set('sqrt(xbar)'), '<msqrt><mover accent="true"><mi>x</mi><mo>¯</mo></mover></msqrt>');
  assert.match(set('x_l²'), '<msubsup><mi>x</mi><mrow><mi>l</mi></mrow><mrow><mn>2</mn></mrow></msubsup>');
  assert.match(set('||dL/dW2||'), '<mo>∂</mo><msub><mi>W</mi><mn>2</mn></msub>');
  assert.match(
    set('off by 7.0e-8'),
    '<mn>7.0</mn><mo>×</mo><msup><mn>10</mn><mrow><mo>−</mo><mn>8</mn></mrow></msup>',
  );
});

test('a line never ends between a formula and the sign behind it', () => {
  const text = (source: string) => set(source).replace(/<math>.*?<\/math>/g, '∎');
  assert.is(text('over depth (dFF = d); the rest'), 'over depth <span class="whole">(∎);</span> the rest');
  assert.is(
    text('sqrt(d), sqrt(d) and W2.'),
    '<span class="whole">∎,</span> ∎ and <span class="whole">∎.</span>',
  );
  assert.is(text('W2'), '∎');
  assert.is(text('at d'), 'at d');
});

test('text around and in formulas is escaped', () => {
  const text = set('<b>sqrt(d)</b> & p < 0.25 <script>');
  assert.not.match(text, /<b>|<script>/);
  assert.match(text, '<annotation encoding="text/plain">p &lt; 0.25</annotation>');
  assert.match(text, '<mo>&lt;</mo>');
});

test('text of strangers ends soon, whatever it is', () => {
  for (const piece of ['(', '||', 'max(', 'x^{', 'x_{', '(x+', '|x ', 'x·', 'd eps ', '[x, ', 'sqrt ']) {
    const text = piece.repeat(Math.floor(3999 / piece.length));
    const started = performance.now();
    const parts = findFormulas(text);
    assert.ok(performance.now() - started < 5000, piece);
    assert.is(parts.map((part) => (typeof part === 'string' ? part : part.text)).join(''), text);
  }
  assert.equal(findFormulas('sqrt(d)'.repeat(2000)).length, 1, 'no formula of people is that long');
});

test.run();
