/** @file The colours of web/figures/tokens.css by theme, and how well they are told from each other. */
import { readFileSync } from 'node:fs';

const css = readFileSync(new URL('../../web/figures/tokens.css', import.meta.url), 'utf8');

/** The blocks of colours in the order of the file: light, dark by choice, dark by the system. */
export const blocks = [...css.matchAll(/\{\s*color-scheme: (light|dark);([^}]*)\}/g)].map(
  ([, scheme, text]) => ({
    scheme: scheme!,
    colors: Object.fromEntries(
      [...text!.matchAll(/--([\w-]+): (#\w{6});/g)].map(([, key, value]) => [key!, value!]),
    ),
  }),
);

export function tokensOf(theme: 'light' | 'dark'): Record<string, string> {
  return blocks.find(({ scheme }) => scheme === theme)!.colors;
}

/** WCAG's contrast ratio of two `#rrggbb` colours. */
export function contrast(one: string, two: string): number {
  const luminance = (color: string) => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const [dark, light] = [luminance(one), luminance(two)].toSorted((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}
