/** @file Values of options on the command line, out of their texts. */
import { InvalidArgumentError } from 'commander';

export function whole(minimum: number) {
  return (text: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isSafeInteger(value) || value < minimum)
      throw new InvalidArgumentError(`must be a whole number of at least ${minimum}.`);
    return value;
  };
}

export function number(minimum: number, above = false, maximum = Number.POSITIVE_INFINITY) {
  return (text: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    const fits = Number.isFinite(value) && value <= maximum;
    if (fits && (above ? value > minimum : value >= minimum)) return value;
    const most = maximum < Number.POSITIVE_INFINITY ? ` and at most ${maximum}` : '';
    throw new InvalidArgumentError(`must be a number ${above ? 'above' : 'of at least'} ${minimum}${most}.`);
  };
}

/** One of several numbers, after those before it. */
export function numbers(text: string, before: readonly number[] = []): number[] {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return [...before, value];
  throw new InvalidArgumentError('must be numbers.');
}

export function threads(text: string): number | 'auto' {
  return text === 'auto' ? text : whole(1)(text);
}

export function limit(text: string): number {
  return text === 'none' ? Number.POSITIVE_INFINITY : number(1)(text);
}

export function bytes(text: string): number {
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([kMG]?B)?$/i.exec(text.trim()) ?? [];
  const size = Number(count) * { kb: 1e3, mb: 1e6, gb: 1e9, b: 1, '': 1 }[unit.toLowerCase() as 'kb'];
  if (count !== '' && Number.isSafeInteger(size) && size > 0) return size;
  throw new InvalidArgumentError('must be a size, e.g. 500MB or 5GB.');
}

export function columns(text: string): number[] {
  return text.split(',').map(whole(1));
}
