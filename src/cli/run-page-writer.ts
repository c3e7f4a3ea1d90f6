/**
 * @file `report.html` in a run's folder while the run goes on: written anew, whole or not at all, so seldom that it takes
 * less than a hundredth of the time.
 */
import { arch, cpus, platform } from 'node:os';
import { NumericError } from '../errors.js';
import { writeFileAtomic } from '../io/files-node.js';
import { withoutFolders } from '../io/recipe-names.js';
import { type Decisive, type PreparedRun, storedRecipe } from '../recipe/index.js';
import { pageFiles } from '../report/page-files.js';
import type { RunHistory } from '../report/run-history.js';
import { renderRunPage } from '../report/run-page.js';
import type { Fact, RunReport, RunState } from '../report/run-report.js';
import { ARITHMETICS } from '../runtime/arithmetic.js';
import type { ArithmeticOptions } from '../runtime/arithmetic-options.js';
import { capabilities } from '../runtime/capabilities.js';
import { relaxedWasmHash, strictWasmHash } from '../runtime/generated/wasm-hash.js';
import { uninformedLoss } from '../train/index.js';
import { commandLine } from './command-line.js';
import { isAbort, oneLine } from './errors.js';
import type { RunFolder } from './run-folder.js';
import { packageVersion } from './version.js';

/** Seconds between two pages, at least. */
const EVERY = 5;
/** Share of the time that writing may take. */
const SHARE = 0.01;

/** What a page says of the command. */
export interface PageCommand extends ArithmeticOptions {
  /** The recipe, as it was named. */
  path: string;
  seed?: number;
}

/** How the run stands, where that is not what its history says. */
export interface Standing {
  state: RunState;
  message?: string;
  /** The step that `--resume` goes on from. */
  savedStep: number;
  /** Hash of the finished run. */
  hash?: string;
}

export class RunPageWriter {
  readonly #begun = performance.now();
  readonly #firstStep: number;
  readonly #fixed: Pick<
    RunReport,
    'name' | 'steps' | 'recipe' | 'parameters' | 'uninformed' | 'hashes' | 'host' | 'commands' | 'version'
  >;
  /** When the next page is due, and how long after the one before. */
  #due = Number.NEGATIVE_INFINITY;
  #every = EVERY;
  #hasFailed = false;

  constructor(
    readonly folder: RunFolder,
    readonly history: RunHistory,
    run: PreparedRun,
    command: PageCommand,
    /** Takes one line about a page that cannot be written. */
    readonly warn: (line: string) => void,
  ) {
    this.#firstStep = history.step;
    const { recipe, model, options } = run;
    const uninformed = uninformedLoss(model);
    this.#fixed = {
      name: folder.path,
      steps: recipe.steps,
      // A page is sent to others, as the file of the model is.
      recipe: withoutFolders(storedRecipe(recipe)),
      parameters: model.numParameters(),
      ...(Number.isFinite(uninformed) && { uninformed }),
      hashes: hashesOf(options.config as Decisive),
      host: hostFacts(),
      commands: commandsOf(folder.path, command),
      version: packageVersion(),
    };
  }

  /** Writes the page of a run that goes on, where it is due. */
  async refresh(savedStep: number): Promise<void> {
    if (performance.now() >= this.#due) await this.write({ state: 'running', savedStep });
  }

  /** Writes the page. What keeps it from being written ends no training: it is told once. */
  async write({ state, message, savedStep, hash }: Standing): Promise<void> {
    const begun = performance.now();
    const { history } = this;
    const { steps, hashes } = this.#fixed;
    const seconds = (begun - this.#begun) / 1000;
    const done = history.step - this.#firstStep;
    try {
      const page = renderRunPage(
        {
          ...this.#fixed,
          history,
          state,
          ...(message !== undefined && { message: oneLine(message) }),
          savedStep,
          hashes: hash === undefined ? hashes : [...hashes, { name: 'run: losses and weights', value: hash }],
          files: this.folder.tablesThere(),
          seconds,
          firstStep: this.#firstStep,
          ...(done > 0 && { secondsLeft: ((steps - history.step) * seconds) / done }),
          written: new Date().toISOString(),
          everySeconds: Math.round(this.#every),
        },
        pageFiles('run'),
      );
      await writeFileAtomic(this.folder.files.report, page, 'page');
    } catch (error) {
      if (!this.#hasFailed) this.warn(`${(error as Error).message}; training goes on without its page`);
      this.#hasFailed = true;
    }
    const cost = (performance.now() - begun) / 1000;
    this.#every = Math.max(EVERY, cost / SHARE);
    this.#due = performance.now() + 1000 * this.#every;
  }
}

/** How a run stands that an error has ended. */
export function endOf(error: unknown, savedStep: number): Standing {
  if (isAbort(error)) return { state: 'interrupted', savedStep };
  const state = error instanceof NumericError ? 'diverged' : 'failed';
  return { state, message: error instanceof Error ? error.message : String(error), savedStep };
}

function hashesOf({ data, tokenizer, weights }: Decisive): Fact[] {
  const { build } = ARITHMETICS[capabilities().arithmetic];
  const { sha256 } = data as { sha256: string };
  return [
    { name: 'data', value: sha256 },
    ...(typeof tokenizer === 'string' ? [{ name: 'tokenizer', value: tokenizer }] : []),
    ...(typeof weights === 'string' ? [{ name: 'weights to begin from', value: weights }] : []),
    { name: `kernels (${build})`, value: build === 'relaxed' ? relaxedWasmHash : strictWasmHash },
  ];
}

function hostFacts(): Fact[] {
  const { arithmetic, threads } = capabilities();
  return [
    { name: 'Prenorm', value: packageVersion() },
    { name: 'runtime', value: `Node ${process.version}` },
    { name: 'platform', value: `${platform()} ${arch()}` },
    { name: 'processor', value: cpus()[0]?.model ?? 'unknown' },
    { name: 'threads', value: String(threads) },
    { name: 'arithmetic', value: arithmetic },
  ];
}

function commandsOf(folder: string, { path, seed, arithmetic, simd }: PageCommand): RunReport['commands'] {
  const given = arithmetic ?? simd;
  const line = (out: string, ...more: string[]): string =>
    commandLine([
      'train',
      path,
      '--out',
      out,
      ...more,
      ...(seed === undefined ? [] : ['--seed', String(seed)]),
      ...(given === undefined ? [] : ['--arithmetic', given]),
    ]);
  return { repeat: line(`${folder}-again`), goOn: line(folder, '--resume') };
}
