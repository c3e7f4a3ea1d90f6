/** @file Whether what a trainer is given belongs together: optimizer and model, schedule and steps. */
import { ConfigError } from '../errors.js';
import type { Module } from '../nn/module.js';
import type { Optimizer } from '../optim/optimizer.js';
import type { Schedule } from '../optim/schedules.js';

const NAMED = 5;

/**
 * The optimizer may leave parameters of the model out (they stay as they are), but has none of anything else.
 * @throws ConfigError naming the parameters that are not the model's
 */
export function checkOwner(model: Module, optimizer: Optimizer): void {
  const own = new Set(model.parameters());
  const held = optimizer.groups.flatMap(({ params }) => params);
  const foreign = held.flatMap((p, i) => (own.has(p) ? [] : [p.path || `number ${i}`]));
  if (foreign.length === 0) return;
  const names = `${foreign.slice(0, NAMED).join(', ')}${foreign.length > NAMED ? ', …' : ''}`;
  const message =
    foreign.length === held.length
      ? 'the optimizer holds no parameter of the model'
      : `the optimizer holds ${foreign.length} parameters that are not the model's: ${names}`;
  throw new ConfigError(message, {
    op: 'Trainer',
    expected: 'parameters of the model',
    actual: foreign,
    hint: 'make the optimizer over model.parameters() of the same model',
  });
}

/** @throws ConfigError when steps would be trained at a rate of 0 after the schedule's end */
export function checkEnd(schedule: Schedule | undefined, steps: number): void {
  const end = schedule?.endsAt;
  if (end === undefined || steps <= end) return;
  throw new ConfigError(
    `steps is ${steps}, but the schedule ends at step ${end}, with a rate of 0 from there on`,
    {
      op: 'Trainer',
      expected: `<= ${end}`,
      actual: steps,
      hint: `let the schedule end at step ${steps} (totalSteps), or above 0 (minLr of cosine and wsd), or lower steps`,
    },
  );
}
