/** @file HTML as values: a template tag that escapes whatever it is given, unless that is markup itself. */

export class Markup {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

export type Content = Markup | string | number | null | undefined | false | readonly Content[];

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe in text and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

/** `` html`<p>${text}</p>` ``: strings are escaped, markup and lists of it are not. */
export function html(parts: TemplateStringsArray, ...values: Content[]): Markup {
  let text = parts[0]!;
  for (let i = 0; i < values.length; i++) text += render(values[i]) + parts[i + 1]!;
  return new Markup(text);
}

/** Marks text as markup. Only for text of this package, never for anything from a result. */
export function raw(text: string): Markup {
  return new Markup(text);
}

/** JSON for a `<script type="application/json">`: no character in it can end the element. */
export function embedJson(value: unknown): Markup {
  const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return new Markup(JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, escape));
}

function render(value: Content): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return escapeHtml(String(value));
}
