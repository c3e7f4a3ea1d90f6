/** @file What model-path.ts, which is loaded on demand, needs of what is loaded anyway. */
import { brief, CheckpointError, ConfigError } from '../errors.js';
import { isJsonObject, parseStrictJson } from '../json.js';
import { nodeModule } from '../runtime/node-builtin.js';
import { checkpointFormat } from './checkpoint-file.js';
import { MAX_HEADER_BYTES, readSafetensorsHeader } from './safetensors.js';
import { jsonOf } from './sealed-file.js';

export const pathTools = {
  brief,
  CheckpointError,
  ConfigError,
  isJsonObject,
  parseStrictJson,
  nodeModule,
  checkpointFormat,
  jsonOf,
  MAX_HEADER_BYTES,
  readSafetensorsHeader,
};
export type PathTools = typeof pathTools;
