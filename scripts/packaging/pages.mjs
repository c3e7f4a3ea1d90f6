/** @file Programs and pages of the cells, and pages without a bundler. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inStatic } from './browser.mjs';
import { blank, fixture, project } from './folders.mjs';

export const html = ({ head = '', script = './main.js' } = {}) =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Cell</title><link rel="icon" href="data:,">${head}</head><body><script type="module" src="${script}"></script></body></html>`;

/** A program that trains what program.js says, and what it does with the result. */
export const training = (entry = 'prenorm', options = '{}', then = 'globalThis.outcome = outcome') =>
  `import { init } from '${entry}';
import { train } from './program.js';
const outcome = await train(init, ${options});
${then};
`;

/** The files of a page that trains. */
export const trainingPage = (entry, options) => ({
  'program.js': fixture('program.js'),
  'main.js': training(entry, options),
});

/** The same in Node, under a file name of one's own. */
export const trainingInNode = (name, entry, options) => ({
  [name]: training(entry, options, 'console.log(JSON.stringify(outcome))'),
  'program.js': fixture('program.js'),
});

/** A page whose worker, a file of its own, trains with two threads; they run the package's kernel-worker.js. */
export const workerPage = () => ({
  'program.js': fixture('program.js'),
  'main.js': `const worker = new Worker('./worker.js', { type: 'module' });
worker.onmessage = ({ data }) => Object.assign(globalThis, data);
worker.onerror = (event) => { globalThis.outcome = { error: event.message }; };
`,
  'worker.js': training(
    'prenorm',
    '{ threads: 2 }, (stage) => postMessage({ stage })',
    'postMessage({ outcome })',
  ),
});

/** Serves these files beside node_modules, with the addresses of files where a bundler's specifiers were. */
export function withoutBundler(names, folder, files, options = {}) {
  const served = { 'index.html': html() };
  for (const [file, text] of Object.entries(files))
    served[file] = file.endsWith('.js') ? withAddresses(text) : text;
  project(blank, folder, served);
  return inStatic(names, blank, { file: `/${folder}/index.html`, ...options });
}

function withAddresses(text) {
  const { exports } = JSON.parse(readFileSync(join(blank, 'node_modules/prenorm/package.json'), 'utf8'));
  return text.replace(
    /from 'prenorm(\/[\w]+)?'/g,
    (_, entry = '') => `from '${exports[`.${entry}`].default.replace('./', '/node_modules/prenorm/')}'`,
  );
}

/** Specifiers stay: the page's import map says where they lie. */
export function withImportMap(names, folder, files) {
  const map = {
    imports: {
      prenorm: '/node_modules/prenorm/dist/index.js',
      'prenorm/conformance': '/node_modules/prenorm/dist/conformance/index.js',
    },
  };
  const head = `<script type="importmap">${JSON.stringify(map)}</script>`;
  project(blank, folder, { 'index.html': html({ head }), ...files });
  return inStatic(names, blank, { file: `/${folder}/index.html` });
}

/** Only the page's own files, and no `eval`. */
export const contentSecurityPolicy = (script = '') => ({
  'content-security-policy': `default-src 'none'; script-src 'self'${script}; worker-src 'self'; connect-src 'self'; img-src data:`,
});
