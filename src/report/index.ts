/** @file Renders `Results`: the self-contained page and the tables for the terminal. */
export { renderReport } from './html.js';
export { renderClaims, renderRuns, type TerminalOptions } from './terminal.js';
