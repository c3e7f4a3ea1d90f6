/** @file Options of commands that train one model. */
import { type Command, Option } from 'commander';
import { number, numbers, whole } from './arguments.js';

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

/** Matrices in 16 bits. */
function halfStorage(what: string): Option {
  return new Option(
    '--dtype <type>',
    `how the matrices of ${what} are stored: f16, or bf16, in half the memory (default: f32)`,
  ).choices(['f16', 'bf16']);
}

/** Options of commands that use a model as it is. */
export function usage(command: Command): Command {
  return command
    .addOption(halfStorage('the model'))
    .option('--adapter <dir>', 'folder of an adapter to put on it, as finetune and PEFT write them');
}

/** How what comes next is drawn. */
export function drawing(command: Command): Command {
  return command
    .option('--length <n>', 'most tokens to generate', whole(1), 100)
    .addOption(
      new Option('--max-new-tokens <n>', 'the same as --length').argParser(whole(1)).conflicts('length'),
    )
    .option(
      '--temperature <x>',
      'below 1 keeps to what is likely, above 1 strays; 0 takes the likeliest',
      number(0),
      0.8,
    )
    .option('--top-k <n>', 'choose among the k most likely', whole(1))
    .option('--top-p <x>', 'choose among the likeliest whose probabilities sum to x', number(0, true, 1))
    .option(
      '--min-p <x>',
      'choose among those at least x times as likely as the likeliest',
      number(0, false, 1),
    )
    .option('--repetition-penalty <x>', 'above 1 repeats less', number(0, true))
    .option('--stop <text...>', 'end before the first of these');
}

/** Options of how a model is tuned. */
export function tuning(command: Command): Command {
  return command
    .addOption(
      new Option('--task <name>', 'lm, classify or images (default: by the base, and by tabs)').choices([
        'lm',
        'classify',
        'images',
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
    .addOption(halfStorage('what is not trained'))
    .option(
      '--rescale <lambdas...>',
      'norms: how often the way of a gamma counts in the model; of several the best on what is held out (default: 1)',
      numbers,
    )
    .option('--lr <x>', 'largest rate (default: by what is trained and by the width)', number(0, true))
    .option('--steps <n>', 'updates in all', whole(1))
    .option('--epochs <x>', 'times that the data are seen (default: 3)', number(0, true));
}
