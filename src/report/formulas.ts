/**
 * @file Formulas of sentences as MathML, which browsers set without a library and never break before an exponent.
 * The typed text goes along as an annotation: it is what copying and searching find.
 */
import { type Formula, findFormulas } from './formula-parser.js';
import { type Content, html, type Markup } from './markup.js';

/** Text with its formulas set, and the names of placements not broken at their hyphen. */
export function prose(text: string): Content {
  const parts = findFormulas(text);
  const said: Content[] = [];
  // A line may end at a formula's edge, so what belongs to it, `(` before and `),` behind, is bound to it.
  let rest = '';
  parts.forEach((part, index) => {
    if (typeof part === 'string') {
      rest = part.slice(rest.length);
      return;
    }
    const before = /[([]$/.exec(rest)?.[0] ?? '';
    const next = parts[index + 1];
    const behind = (typeof next === 'string' && /^[)\].,;:]+/.exec(next)?.[0]) || '';
    said.push(words(rest.slice(0, rest.length - before.length)));
    const set = math(part);
    said.push(before || behind ? html`<span class="whole">${before}${set}${behind}</span>` : set);
    rest = behind;
  });
  return [...said, words(typeof parts.at(-1) === 'string' ? rest : '')];
}

/** A formula where only text can stand, e.g. beside an axis: `‖∂L/∂W₂‖`. */
export function plainFormula(text: string): string {
  return text.replaceAll('||', '‖').replaceAll('dL/dW2', '∂L/∂W₂');
}

function words(text: string): Content {
  return text
    .split(/\b((?:Post|Pre|Peri)-LN\b)/)
    .map((part, index) => (index % 2 ? html`<span class="whole">${part}</span>` : part));
}

function math({ text, formula }: { text: string; formula: Formula }): Markup {
  return html`<math><semantics><mrow>${presented(formula)}</mrow><annotation encoding="text/plain">${text}</annotation></semantics></math>`;
}

/** How a name is set where it is not itself. */
const names: Record<string, Markup> = {
  xbar: html`<mover accent="true"><mi>x</mi><mo>¯</mo></mover>`,
  eps: html`<mi>ε</mi>`,
  gamma: html`<mi>γ</mi>`,
  lambda: html`<mi>λ</mi>`,
  delta: html`<mi>δ</mi>`,
  dL: html`<mrow><mo>∂</mo><mi>L</mi></mrow>`,
  dW2: html`<mrow><mo>∂</mo><msub><mi>W</mi><mn>2</mn></msub></mrow>`,
  dFF: html`<msub><mi>d</mi><mtext>FF</mtext></msub>`,
};

function presented(formula: Formula): Markup {
  switch (formula.kind) {
    case 'number':
      return number(formula.text);
    case 'name':
      return name(formula.text);
    case 'operator':
      return html`<mo>${formula.text}</mo>`;
    case 'row':
      return html`<mrow>${formula.parts.map(presented)}</mrow>`;
    case 'root':
      return html`<msqrt>${presented(formula.of)}</msqrt>`;
    case 'script': {
      const base = presented(formula.base);
      const { sub, sup } = formula;
      if (sub && sup) return html`<msubsup>${base}${group(sub)}${group(sup)}</msubsup>`;
      if (sub) return html`<msub>${base}${group(sub)}</msub>`;
      return sup ? html`<msup>${base}${group(sup)}</msup>` : base;
    }
    case 'fence': {
      const [open, close] = formula.open === '||' ? ['‖', '‖'] : [formula.open, formula.close];
      const inner = formula.of.map((one, index) => html`${index ? html`<mo>,</mo>` : ''}${presented(one)}`);
      return html`<mrow><mo form="prefix" stretchy="false">${open}</mo>${inner}<mo form="postfix" stretchy="false">${close}</mo></mrow>`;
    }
  }
}

/** A script has exactly its children. */
function group(formula: Formula): Markup {
  return html`<mrow>${presented(formula)}</mrow>`;
}

/** `1e-3` as a power of ten. */
function number(text: string): Markup {
  const [digits, power] = text.split('e');
  if (power === undefined) return html`<mn>${text}</mn>`;
  const exponent = html`<mrow>${power.startsWith('-') ? html`<mo>−</mo>` : ''}<mn>${power.replace('-', '')}</mn></mrow>`;
  const ten = html`<msup><mn>10</mn>${exponent}</msup>`;
  return digits === '1' ? ten : html`<mrow><mn>${digits}</mn><mo>×</mo>${ten}</mrow>`;
}

function name(text: string): Markup {
  const plain = text.replace(/'$/, '');
  const numbered = /^([A-Za-z])(\d)$/.exec(plain);
  const set =
    names[plain] ??
    (numbered ? html`<msub><mi>${numbered[1]}</mi><mn>${numbered[2]}</mn></msub>` : html`<mi>${plain}</mi>`);
  return plain === text ? set : html`<msup>${set}<mo>′</mo></msup>`;
}
