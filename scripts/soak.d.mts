export function soak(options: {
  steps: number;
  warmUp?: number;
  seed?: number;
  log?: (line: string) => void;
}): Promise<string[]>;
export function openThings(): { resources: string[]; listeners: string[]; files: string[] };
export function added(before: readonly string[], after: readonly string[]): string[];
