/**
 * @file The folder that `prenorm train` writes and the other commands read: config.json (the recipe, with the sizes of
 * its data), tokenizer.json, checkpoint.safetensors, model.safetensors, what its steps measured (metrics-log.ts), and
 * report.html, the page that shows it (run-page-writer.ts).
 */
import { existsSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError } from '../errors.js';
import { readFileChecked, writeFileAtomic } from '../io/files-node.js';
import { savedTokenizer } from '../io/saved-tokenizer.js';
import {
  checkRecipe,
  isVersion01,
  type Recipe,
  recipeOf01,
  type Sources,
  type TextCodec,
} from '../recipe/index.js';
import { inConfig } from './errors.js';
import { readJson, writeText } from './files.js';
import { tableOf } from './metrics-log.js';
import { fileSources } from './sources.js';
import { loadTokenizers } from './tokenizers.js';

/** A recipe, and where its file lies: names in it are relative to that. */
export interface RecipeFile {
  recipe: Recipe;
  path: string;
  sources: Sources;
}

/** Reads a recipe; configurations of version 0.1 are recipes too. */
export async function readRecipe(path: string): Promise<RecipeFile> {
  const value = await readJson(path);
  const recipe = await inConfig(path, async () => toRecipe(value, path));
  return { recipe, path, sources: fileSources(dirname(path)) };
}

/** A value as a recipe, whatever version wrote it. */
export function toRecipe(value: unknown, path: string): Recipe {
  return checkRecipe(isVersion01(value) ? recipeOf01(value) : value, path);
}

/** Files of a run; each `.jsonl` has a table beside it, which ends in `.csv`. */
export type RunFiles = Readonly<
  Record<
    | 'config'
    | 'tokenizer'
    | 'checkpoint'
    | 'model'
    | 'metrics'
    | 'gradients'
    | 'samples'
    | 'speed'
    | 'arithmetic'
    | 'report',
    string
  >
>;

export class RunFolder {
  readonly files: RunFiles;

  constructor(readonly path: string) {
    this.files = {
      config: join(path, 'config.json'),
      tokenizer: join(path, 'tokenizer.json'),
      checkpoint: join(path, 'checkpoint.safetensors'),
      model: join(path, 'model.safetensors'),
      metrics: join(path, 'metrics.jsonl'),
      gradients: join(path, 'gradients.jsonl'),
      samples: join(path, 'samples.jsonl'),
      speed: join(path, 'speed.jsonl'),
      arithmetic: join(path, 'arithmetic.jsonl'),
      report: join(path, 'report.html'),
    };
  }

  get #allFiles(): string[] {
    const files = Object.values(this.files);
    return [...files, ...files.flatMap((file) => (file.endsWith('.jsonl') ? [tableOf(file)] : []))];
  }

  /** Names of what is there for people to look into: tables first, then recipe and model. */
  tablesThere(): string[] {
    const { metrics, gradients, samples, speed, arithmetic, config, model } = this.files;
    const wanted = [...[metrics, gradients, samples, speed, arithmetic].map(tableOf), config, model];
    return wanted.filter((file) => existsSync(file)).map((file) => basename(file));
  }

  /** Whether a run goes on here, or begins; refuses what is neither. */
  check(wanted: boolean): boolean {
    const { files, path } = this;
    const isRun = existsSync(files.checkpoint);
    if (wanted && isRun) return true;
    const there = this.#allFiles.filter((file) => existsSync(file));
    // The tokenizer is written first: alone, it is what a kill before the first checkpoint leaves.
    if (wanted && there.length === 1 && there[0] === files.tokenizer) return false;
    if (wanted) {
      throw new ConfigError('there is no run to go on with', {
        path,
        hint: 'leave out --resume, or give the folder of the run with --out',
      });
    }
    if (there.length === 0) return false;
    throw new ConfigError(isRun ? 'the folder holds a run already' : `${basename(there[0])} is in the way`, {
      path,
      hint: `${isRun ? 'go on with --resume, or ' : ''}choose another folder with --out`,
    });
  }

  /** The tokenizer of the run; none for data without texts, or beside a checkpoint that a page has written. */
  async tokenizer(): Promise<TextCodec | null> {
    const { tokenizer } = this.files;
    return existsSync(tokenizer)
      ? savedTokenizer(await readJson(tokenizer), tokenizer, 'tokenizer', loadTokenizers)
      : null;
  }

  checkpoint(): Promise<Uint8Array> {
    return readFileChecked(this.files.checkpoint, 'checkpoint');
  }

  /** Writes what a run needs to be resumed, its state before step 1 included; all of it, or nothing. */
  async begin(file: RecipeFile, tokenizer: TextCodec | null, checkpoint: Uint8Array): Promise<void> {
    try {
      await this.#writeTokenizer(tokenizer);
      await writeFileAtomic(this.files.checkpoint, checkpoint, 'checkpoint');
      // Last, because going on writes it anew: killed before or after it, the run can be resumed.
      await this.#writeConfig(file);
    } catch (error) {
      for (const path of this.#allFiles) rmSync(path, { force: true });
      throw error;
    }
  }

  /** Notes the recipe that the run goes on with. */
  async goOn(file: RecipeFile, tokenizer: TextCodec | null): Promise<void> {
    if (!existsSync(this.files.tokenizer)) await this.#writeTokenizer(tokenizer);
    await this.#writeConfig(file);
  }

  #writeConfig({ recipe, path }: RecipeFile): Promise<void> {
    const stored = { recipe, recipePath: resolve(path) };
    return writeText(this.files.config, `${JSON.stringify(stored, null, 1)}\n`);
  }

  async #writeTokenizer(tokenizer: TextCodec | null): Promise<void> {
    if (!tokenizer?.toJSON) return;
    await writeText(this.files.tokenizer, `${JSON.stringify(tokenizer.toJSON())}\n`);
  }

  /** Writes the file that is the run's model, whole or not at all. */
  async writeModel(bytes: Uint8Array): Promise<void> {
    await writeFileAtomic(this.files.model, bytes, 'model');
  }

  /** The recipe of the run. */
  async readConfig(): Promise<RecipeFile> {
    const { config } = this.files;
    const stored = ((await readJson(config)) ?? {}) as Record<string, unknown>;
    const path = [stored.recipePath, stored.configPath].find((value) => typeof value === 'string') ?? config;
    const recipe = toRecipe('config' in stored ? stored.config : stored.recipe, config);
    return { recipe, path: path as string, sources: fileSources(dirname(path as string)) };
  }
}
