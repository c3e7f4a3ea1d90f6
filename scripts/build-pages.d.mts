/** Script and style of a page as text, from the paths of its script and its style. */
export function bundlePage(script: string, style: string): Promise<{ js: string; css: string }>;
export function uplotNotice(): string;
export function pageNames(): string[];
/** Bytes of all pages. */
export function buildPages(target?: string): Promise<number>;
