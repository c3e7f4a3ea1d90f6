export function trainPart(
  base: string,
  checkpoint: Uint8Array | null,
  until: number,
): Promise<{ checkpoint: Uint8Array; hash: string; step: number }>;
