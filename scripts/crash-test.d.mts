export interface CrashCount {
  kills: number;
  inside: number;
  insideModel: number;
  incomplete: number;
  behind: number;
  torn: number;
  differing: number;
  runs: number;
}
export function crashTest(options: {
  kills: number;
  seed?: number;
  command?: string[];
  log?: (line: string) => void;
}): Promise<CrashCount>;
