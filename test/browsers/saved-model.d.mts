/** What a file of a model gives. */
export declare function useModel(
  dist: string,
  source: Uint8Array | Response,
): Promise<{
  text: string;
  reason: string;
  total: number;
  pieces: string;
  inWorker: number;
  refusal: string;
}>;
