export interface FolderUse {
  family: string;
  ids: number[];
  bits: number[];
  text: string;
}
export declare function useFolder(dist: string, source: unknown): Promise<FolderUse>;
export declare function everyWay(
  dist: string,
  files: ArrayLike<File>,
  folder: string,
): Promise<Record<'input' | 'blobs' | 'fetcher' | 'inWorker', FolderUse>>;
