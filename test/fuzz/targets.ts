/** @file Every parser of files from outside, each with inputs that are nearly right. */
import type { FuzzTarget } from './loop.js';
import { pretrainedTargets } from './pretrained-targets.js';
import { recipeTarget } from './recipe-target.js';
import { resultsTarget } from './results-target.js';
import { headerTarget, linesTarget, recordTarget } from './run-folder-targets.js';
import { checkpointTarget, modelTarget } from './saved-run-targets.js';
import { safetensors, torchTarget } from './tensor-targets.js';
import { terminalTarget } from './terminal-target.js';
import { json, pairsFile, textFile, tokenizer } from './text-targets.js';
import { tokenizerTargets } from './tokenizer-targets.js';

export const targets: readonly FuzzTarget[] = [
  safetensors,
  checkpointTarget(),
  modelTarget(),
  torchTarget(),
  tokenizer,
  recipeTarget(),
  pairsFile,
  textFile,
  json,
  resultsTarget(),
  recordTarget(),
  linesTarget(),
  headerTarget(),
  terminalTarget,
  ...tokenizerTargets,
  ...pretrainedTargets,
];
