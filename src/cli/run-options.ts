/** @file Options of commands that train one model. */
import { type Command, Option } from 'commander';
import { number, whole } from './arguments.js';

/** Progress in lines, of commands that train one model. */
export function logEvery(): Option {
  return new Option(
    '--log-every <n>',
    'a line of progress every n steps, also with --json (default: without a terminal, one every 5 seconds)',
  ).argParser(whole(1));
}

/** The page of the run in the browser. */
export function openPage(): Option {
  return new Option('--open', 'show report.html of the run in the browser; it follows the training');
}

/** Options of how a model is tuned. */
export function tuning(command: Command): Command {
  return command
    .addOption(
      new Option('--task <name>', 'lm or classify (default: by the base, and by tabs)').choices([
        'lm',
        'classify',
      ]),
    )
    .option(
      '--trainable <what>',
      'lora, all, norms, head, bias, a pattern of paths, or a /regular expression/ (default: lora)',
    )
    .option('--rank <n>', 'lora: width of the low-rank products (default: 8)', whole(1))
    .option(
      '--alpha <x>',
      'lora: the products count alpha / rank times (default: twice the rank)',
      number(0, true),
    )
    .option('--targets <names...>', 'lora: projections that have one, e.g. q_proj v_proj (default: all)')
    .option(
      '--lora-dropout <x>',
      'lora: share of the input that is dropped (default: 0)',
      number(0, false, 1),
    )
    .option('--lr <x>', 'largest rate (default: by what is trained and by the width)', number(0, true))
    .option('--steps <n>', 'updates in all', whole(1))
    .option('--epochs <x>', 'times that the data are seen (default: 3)', number(0, true));
}
