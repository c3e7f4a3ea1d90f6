/** @file Programs that run in Node and in a page, and must come to the same bits: the browser snippet, and inference. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { esbuild, viteBuilds, viteServes } from './bundlers.mjs';
import { blank, fixture, inNode, ownFolder, root } from './folders.mjs';
import { digest } from './outcome.mjs';
import { html, withoutBundler } from './pages.mjs';

/** As it is between the markers of docs/browsers.md. */
function snippet() {
  const document = readFileSync(join(root, 'docs/browsers.md'), 'utf8');
  const [, text] =
    document.match(/<!-- browser-snippet -->\n```js\n([\s\S]*?)```\n<!-- browser-snippet -->/) ?? [];
  if (!text) throw new Error('docs/browsers.md has no snippet between its markers');
  return text;
}

/** The losses with all their bits come from observe.mjs; the rest is what a person sees. */
const watched = () => ({
  before: fixture('observe.mjs'),
  stage: 'document.title',
  outcome: `(document.title.startsWith('100: ') && document.body?.lastChild?.data)
    ? { title: document.title, text: document.body.lastChild.data, losses } : undefined`,
});

const once = (make) => {
  let made;
  return () => {
    made ??= make();
    return made;
  };
};

const snippetInNode = once(() =>
  inNode({
    'snippet-in-node.mjs': fixture('snippet-in-node.mjs'),
    'observe.mjs': fixture('observe.mjs'),
    'snippet.mjs': snippet(),
  }),
);

/** A project with nothing but index.html, main.js, and what `npm install` of package and Vite put there. */
const blankVite = once(() => {
  return ownFolder('blank-vite', ['vite'], { 'index.html': html(), 'main.js': snippet() });
});

/** Every page has trained 100 steps, each loss with the bits that it has in Node, and has written the same text. */
function asInNode(outcomes) {
  const expected = snippetInNode();
  const bits = ({ losses, text }) => digest([...losses, text]);
  return outcomes.map(({ title, text, losses, where }) => {
    const found = `loss ${losses.at(-1)} at step ${losses.length}, title "${title}", text "${text}"`;
    const same = bits({ losses, text }) === bits(expected) && title === expected.title;
    const sound = losses.length === 100 && losses.every(Number.isFinite) && /^to be[\s\S]{80}$/.test(text);
    if (!same || !sound)
      throw new Error(`${where}: ${found}; in Node: ${expected.losses.at(-1)}, "${expected.text}"`);
    return { where, said: `${bits(expected)} as in Node; ${found}` };
  });
}

export const snippetInViteDev = async (names) =>
  asInNode(await viteServes(names, blankVite(), blankVite(), watched()));
export const snippetInViteBuild = async (names) =>
  asInNode(await viteBuilds(names, blankVite(), blankVite(), watched()));
export const snippetWithoutBundler = async (names) =>
  asInNode(await withoutBundler(names, 'snippet', { 'main.js': snippet() }, watched()));

/** Weights trained in Node with the full entry continue a text; `prenorm/inference` in a page continues it alike. */
export async function inference(names) {
  const files = { 'continue-text.js': fixture('continue-text.js') };
  const expected = inNode({ 'train-and-save.mjs': fixture('train-and-save.mjs'), ...files });
  const made = (name) => readFileSync(join(blank, 'node-train-and-save-mjs', name));
  const outcomes = await esbuild(names, 'prenorm/inference', {
    'main.js': fixture('inference.js'),
    ...files,
    'weights.safetensors': made('weights.safetensors'),
    'tokenizer.json': made('tokenizer.json'),
  });
  return outcomes.map(({ text, where }) => {
    if (text !== expected.text || text.length !== 40)
      throw new Error(`"${text}"; in Node: "${expected.text}"`);
    return { where, said: `${digest([text])} as in Node; "${text}"` };
  });
}
