export function wellFormed(line: string): string;
export const oddLines: readonly string[];
export function mixedLines(count: number, extra?: readonly string[], seed?: number): string[];
