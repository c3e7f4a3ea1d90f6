/** @file What model-path.ts, which is loaded on demand, needs of what is loaded anyway. */
import { brief, CheckpointError, ConfigError } from '../errors.js';
import { isJsonObject, parseStrictJson } from '../json.js';
import { nodeModule } from '../runtime/node-builtin.js';
import { readSafetensorsHeader } from './safetensors.js';
import { jsonOf } from './sealed-file.js';

export const pathTools = {
  brief,
  CheckpointError,
  ConfigError,
  isJsonObject,
  parseStrictJson,
  nodeModule,
  jsonOf,
  readSafetensorsHeader,
};
export type PathTools = typeof pathTools;
