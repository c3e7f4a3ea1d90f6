/**
 * @file Errors as plain data that crosses to another process or worker, and back: the same class, message and fields on
 * both sides. It is the one format in which errors cross.
 */
import * as errors from './errors.js';

/** An error as data that structured cloning carries. */
export interface WireError {
  name: string;
  message: string;
  /** Where it was thrown, on the other side. */
  stack?: string;
  /** Whatever else the error says of itself. */
  fields: Record<string, unknown>;
  cause?: WireError;
}

/** Causes of causes, and values within values; an endless chain would be somebody's slip. */
const MAX_DEPTH = 4;
/** Elements of a list that cross; a longer one is text, as in messages. */
const MAX_ELEMENTS = 1000;
/** What has a place of its own, or comes with the class. */
const APART = new Set(['name', 'message', 'stack', 'cause', 'code']);

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
  const isObject = typeof error === 'object' && error !== null;
  const { name, message, stack, cause } = (isObject ? error : {}) as Record<string, unknown>;
  const isOurs = error instanceof errors.PrenormError;
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(isObject ? error : {})) {
    const stays = APART.has(key) && !(key === 'code' && !isOurs);
    if (!stays && value !== undefined) fields[key] = plain(value);
  }
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : errors.brief(error, 500),
    ...(typeof stack === 'string' ? { stack } : {}),
    fields,
    ...(cause === undefined || depth === MAX_DEPTH ? {} : { cause: toWire(cause, depth + 1) }),
  };
}

export function fromWire(wire: WireError): Error {
  const { name, message, stack, fields } = wire;
  const cause = wire.cause && fromWire(wire.cause);
  const error = made(name, message, cause);
  if (!(error instanceof DOMException)) {
    // The constructor of one of ours would put place and hint around a message that has them already.
    Object.assign(error, fields, { message, name });
    if (stack !== undefined) error.stack = stack;
  }
  return error;
}

function made(name: string, message: string, cause: Error | undefined): Error {
  if (Object.hasOwn(classes, name)) return new classes[name](message, { cause });
  if (name === 'AbortError' || name === 'QuotaExceededError') return new DOMException(message, name);
  return new Error(message, cause && { cause });
}

/** What structured cloning might refuse, or would carry by the megabyte, becomes text. */
function plain(value: unknown, depth = 0): unknown {
  if (value === null || /^(?:undefined|string|number|boolean|bigint)$/.test(typeof value)) return value;
  if (typeof value !== 'object' || depth === MAX_DEPTH) return errors.brief(value);
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value)) {
    const list = value as ArrayLike<unknown>;
    return list.length > MAX_ELEMENTS
      ? errors.brief(Array.from({ length: 100 }, (_, i) => list[i]))
      : Array.from(list, (each) => plain(each, depth + 1));
  }
  const entries = Object.entries(value);
  const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (!isPlain || entries.length > MAX_ELEMENTS) return errors.brief(value);
  return Object.fromEntries(entries.map(([key, each]) => [key, plain(each, depth + 1)]));
}
