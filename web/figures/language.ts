/**
 * @file A language that the page's number formats know. WebKitGTK without a locale calls its language `C`, which Intl
 * refuses, and uPlot, which formats nothing here, would stop the whole page while it is loaded. Imported before it.
 */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
}
