/**
 * @file The programs of the documents are as they stand programs of TypeScript, strict and with Node's way of
 * resolving, against the declarations of the built package.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inProject, writeModule } from './project.js';

const test = suite('examples/docs-types');
const root = fileURLToPath(new URL('../../', import.meta.url));
/** Plain JavaScript for a reader: parameters without types, recipes as variables. */
const untyped = ['determinism.md', 'execution.md', 'memory.md', 'placements.md', 'recipe.md'];
const documents = [
  'README.md',
  'examples/own-layer/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md') && !untyped.includes(file))
    .map((file) => `docs/${file}`),
];

/** What a file and `fit` give goes to the functions that use it; what a task has is known, and the rest is refused. */
const loaded = `
import { classify } from 'prenorm/classify';
import { generate, generateText, logProbabilities, translate } from 'prenorm/generate';
import { loadModel } from 'prenorm/io';
import { type CausalLM } from 'prenorm/nn';
import { type FitOptions, fit } from 'prenorm/train';

const { model, tokenizer, labels } = await loadModel('model.safetensors');
const { text } = await generateText(model, tokenizer, 'And God said');
const texts: string[] = (await generateText(model, tokenizer, ['And', 'God'])).map((one) => one.text);
for await (const piece of generate(model, tokenizer, 'And God said')) piece.toUpperCase();
for await (const { index, text } of generate(model, tokenizer, ['And', 'God'])) text.at(index);
classify(model, tokenizer, labels, [text])[0].label.toUpperCase();
(await translate(model, tokenizer, texts))[0].text.toUpperCase();
await logProbabilities(model, tokenizer, text);
await logProbabilities(model, tokenizer, ['ja', 'yes']);
const one = await loadModel('model.safetensors', { kind: 'transformer' });
await translate(one.model, one.tokenizer, texts);

const budget = { steps: 1 };
const lm = await fit({ task: 'lm', data: 'a text', budget });
const same: CausalLM = lm.model;
const none: null = lm.labels;
await generateText(lm.model, lm.tokenizer, 'a');
const translator = await fit({ task: 'translate', data: [['ja', 'yes']], budget });
translator.model.encode;
await translate(translator.model, translator.tokenizer, texts);
const classifier = await fit({ task: 'classify', data: texts.map((text) => [text, 'label']), budget });
classifier.labels.join();
classify(classifier.model, classifier.tokenizer, classifier.labels, texts);
const options: FitOptions = { task: 'lm', data: 'a text', budget };
const any = await fit(options);
await generateText(any.model, any.tokenizer, 'a');
// @ts-expect-error: of no task in particular, the kind of the model is not known
const unknown: CausalLM = any.model;
// @ts-expect-error: nor are there labels
any.labels.join();
// @ts-expect-error: a language model has no classes
lm.labels.join();
// @ts-expect-error: a model of one's own, and none at all
await generateText({}, tokenizer, 'a');
// @ts-expect-error: there is no such task
await fit({ task: 'paint', data: 'a text', budget });
// @ts-expect-error: types are there, and no \`any\`
text.toFixed();
`;

/** What the compiler says of the programs, by their names. */
function complaints(folder: string): string {
  const options = { strict: true, noEmit: true, target: 'es2023', module: 'nodenext', types: ['node'] };
  const typeRoots = [join(root, 'node_modules/@types')];
  const config = { compilerOptions: { ...options, typeRoots }, include: ['*.mts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], { cwd: folder });
    return '';
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout);
  }
}

test('the programs of README and docs are well typed as they stand', () =>
  inProject(async (folder) => {
    const counts = new Map<string, number>();
    for (const document of documents) {
      const text = readFileSync(join(root, document), 'utf8');
      for (const [i, [, code]] of [...text.matchAll(/<!-- run -->\n```js\n([\s\S]*?)```\n/g)].entries()) {
        writeModule(folder, `${document.replace(/\W/g, '-')}-${i + 1}.mts`, code);
        counts.set(document, i + 1);
      }
    }
    writeModule(folder, 'loaded.mts', loaded);
    assert.ok((counts.get('README.md') ?? 0) >= 2 && (counts.get('docs/api.md') ?? 0) > 20);
    assert.is(complaints(folder), '');
  }));

test.run();
