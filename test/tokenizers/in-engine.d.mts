export function tokenizerHashes(base: string, fixtures: string): Promise<Record<string, string>>;
