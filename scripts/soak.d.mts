export function soak(options: {
  steps: number;
  warmUp?: number;
  seed?: number;
  log?: (line: string) => void;
}): Promise<string[]>;
