/** @file Errors as plain data that `postMessage` carries, and back: the same class, message and fields on both sides. */
import * as errors from '../errors.js';

export interface WireError {
  name: string;
  message: string;
  fields: Record<string, unknown>;
  cause?: WireError;
}

const FIELDS = ['op', 'path', 'expected', 'actual', 'hint', 'step', 'gradNorms', 'layerGradNorms'] as const;
/** Causes of causes; an endless chain would be somebody's slip. */
const MAX_DEPTH = 4;

const classes: Readonly<Record<string, new (message: string, fields?: errors.ErrorFields) => Error>> = {
  ShapeError: errors.ShapeError,
  ConfigError: errors.ConfigError,
  DataError: errors.DataError,
  FormatError: errors.FormatError,
  CheckpointError: errors.CheckpointError,
  MemoryError: errors.MemoryError,
  NumericError: errors.NumericError,
  EnvironmentError: errors.EnvironmentError,
};

export function toWire(error: unknown, depth = 0): WireError {
  const { name, message, cause } = error as { name?: unknown; message?: unknown; cause?: unknown };
  const fields: Record<string, unknown> = {};
  if (error instanceof errors.PrenormError) {
    for (const key of FIELDS) {
      const value = (error as unknown as Record<string, unknown>)[key];
      if (value !== undefined) fields[key] = plain(value);
    }
  }
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : errors.brief(error, 500),
    fields,
    cause: cause === undefined || depth === MAX_DEPTH ? undefined : toWire(cause, depth + 1),
  };
}

export function fromWire(wire: WireError): Error {
  const { name, message, fields } = wire;
  const cause = wire.cause && fromWire(wire.cause);
  if (Object.hasOwn(classes, name)) {
    const error = new classes[name]('', { ...fields, cause });
    // The constructor would put place and hint around a message that has them already.
    error.message = message;
    return error;
  }
  if (name === 'AbortError' || name === 'QuotaExceededError') return new DOMException(message, name);
  const error = new Error(message, cause && { cause });
  error.name = name;
  return error;
}

/** What is no plain data becomes text. */
function plain(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value));
  } catch {
    return errors.brief(value);
  }
}
