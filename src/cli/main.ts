#!/usr/bin/env node
/** @file The command line: arguments in, one command, exit code out. */
import { Command, CommanderError, Option } from 'commander';
import { normPlacements } from '../nn/placement-names.js';
import { arithmeticNames } from '../runtime/arithmetic.js';
import { bytes, columns, limit, number, threads, whole } from './arguments.js';
import { EXIT, note, oneLine, reportError } from './errors.js';
import { SWEEP_HELP, TRAIN_HELP } from './help-texts.js';
import { queueOption, statusOptions, verifyOption, workerOptions } from './queue-options.js';
import { drawing, logEvery, openPage, tuning, usage } from './run-options.js';
import { packageVersion } from './version.js';

/** What the commands take as a model. */
const RUN = 'folder of a run or of Hugging Face, a model file, or a checkpoint';

const program = new Command('prenorm')
  .description('Trains Transformers with the layer norm where you want it, and reproduces why it matters.')
  .version(packageVersion())
  .configureOutput({
    // One line, as for every other error.
    outputError: (text) => note(`${oneLine(text).replace(/^error: /, '')} (see prenorm --help)`),
  })
  .enablePositionalOptions()
  .exitOverride();

// The empty path is the folder one is in, to some functions, and nothing, to others.
program.hook('preAction', (_, called) => {
  const given = called.options.filter(({ flags }) => /<(?:dir|file|path)>/.test(flags));
  for (const [name, path] of [
    ...called.args.map((path) => ['an argument', path]),
    ...given.map((option) => [option.long, called.opts()[option.attributeName()]]),
  ])
    if (path === '') program.error(`${name} is empty`);
});

let exitCode: number = EXIT.done;

/** What a command takes beside its own options: --threads and --arithmetic where it computes, --seed where it draws. */
type Shared = 'nothing' | 'engine' | 'engine and seed';

function command(name: string, shared: Shared, description: string): Command {
  const made = program
    .command(name)
    .description(description)
    .option('--json', 'print the result as JSON on standard output')
    .exitOverride();
  if (shared === 'engine and seed') made.option('--seed <n>', 'seed', whole(0));
  if (shared === 'nothing') return made;
  return made
    .option('--threads <n>', 'threads of one step, or auto; any number gives the same bits', threads, 1)
    .addOption(
      new Option(
        '--arithmetic <kind>',
        'strict (the default) and int12 give the same bits everywhere, relaxed does not; int12 is fastest',
      ).choices(arithmeticNames),
    )
    .addOption(
      new Option('--simd <kind>', 'earlier name of --arithmetic').choices(['strict', 'relaxed']).hideHelp(),
    );
}

command(
  'reproduce',
  'engine and seed',
  "run the paper's experiments, write results.json and report.html, print the claims with verdicts",
)
  .option('--preset <name>', 'quick (default), standard, field, multi30k, paper; own, where --data is alone')
  .option('--only <names...>', 'only these experiments (fig2, fig3, …) or runs')
  .option('--out <dir>', 'folder for results (default: runs/PRESET)')
  .option('--resume', 'keep the runs that are finished already')
  .option('--dry-run', 'print the registered runs with steps, seeds, memory and time, and do nothing')
  .option('--processes <n>', 'runs at once (default: one per core)', whole(1))
  .option('--data <dir>', 'folder with your train.tsv (pairs) or text.txt in place of the embedded pairs')
  .addOption(queueOption())
  .addOption(verifyOption())
  .action(async (options) => {
    exitCode = await (await import('./reproduce.js')).reproduce(options);
  });

command('verify', 'engine', 'carry out recorded runs again, judge claims and draw figures again, and compare')
  .argument('<results>', 'results.json of reproduce or sweep, or a file of docs/results')
  .option('--row <ids...>', 'ids of runs or claims (default: the cheapest run of every kind)')
  .option('--data <dir>', 'your copy of the data, where the runs were not on the embedded')
  .action(async (results, options) => {
    exitCode = await (await import('./verify.js')).verify(results, options);
  });

command('report', 'nothing', 'draw report.html anew from recorded results; nothing is run')
  .argument('<results>', 'results.json of reproduce, or quick.json or standard.json of docs/results')
  .option('--out <file>', 'page to write (default: report.html beside the results)')
  .action(async (results, options) => {
    exitCode = await (await import('./report.js')).report(results, options);
  });

command(
  'prepare',
  'engine',
  'check, clean and split your own text into a folder that train and reproduce --data read',
)
  .argument('<input...>', 'a folder (train.de, train.en, …, or train.tsv), two files, or one file')
  .requiredOption('--out <dir>', 'folder to write')
  .addOption(
    new Option(
      '--kind <name>',
      'pairs: source TAB target; labelled: text TAB label, or text TAB text TAB label; text: plain',
    )
      .choices(['pairs', 'labelled', 'text'])
      .default('pairs'),
  )
  .option('--languages <a-b>', 'source and target, as the files are named, e.g. de-en')
  .option('--test <name>', 'test set of a folder with several, e.g. test_2016_flickr')
  .option('--columns <list>', 'columns of a tab-separated file to take, e.g. 4,5,1', columns)
  .option('--label-separator <text>', 'what stands between the labels of a text that has several, e.g. ,')
  .option('--header', 'the first line of a tab-separated file names the columns')
  .option('--tokenize', 'words and punctuation apart')
  .option('--lowercase', 'small letters only')
  .option('--max-words <n>', 'longest side of a training pair (default: 175 for pairs)', limit)
  .option('--max-ratio <x>', 'longer over shorter side of a training pair, or none (default: 1.5)', limit)
  .option('--vocab-size <n>', 'also train the joint BPE and store it as tokenizer.json', whole(1))
  .option('--dedupe', 'keep a repeated example once, and none in train that stands in a given valid or test')
  .option('--strict', 'refuse bad lines instead of leaving them out')
  .action(async (inputs, options) => {
    exitCode = await (await import('./prepare.js')).prepare(inputs, options);
  });

command(
  'fit',
  'engine and seed',
  'choose a recipe for your text by its size and the time there is, and train it',
)
  .argument('<data>', 'a text; lines text TAB label, or source TAB target; or a folder that prepare has made')
  .addOption(
    new Option('--task <name>', 'what it is for (default: by its tabs, see docs/training.md)').choices([
      'lm',
      'translate',
      'classify',
    ]),
  )
  .option('--steps <n>', 'updates in all', whole(1))
  .option('--minutes <x>', 'time to train, turned into steps before step 1 (default: 5)', number(0, true))
  .requiredOption('--out <dir>', 'folder of the run')
  .option('--resume', 'go on from the last checkpoint')
  .addOption(logEvery())
  .addOption(openPage())
  .action(async (data, options) => {
    exitCode = await (await import('./fit.js')).fit(data, options);
  });

tuning(command('finetune', 'engine and seed', 'tune a trained model on your text, labelled texts or images'))
  .argument('<base>', RUN)
  .argument('<data>', 'a text, lines text TAB label, a folder that prepare has made, or a table of images')
  .option('--out <dir>', 'folder of the run (default: runs/BASE-DATA)')
  .option('--resume', 'go on from the last checkpoint')
  .addOption(logEvery())
  .addOption(openPage())
  .action(async (base, data, options) => {
    exitCode = await (await import('./finetune.js')).finetune(base, data, options);
  });

command('train', 'engine and seed', 'train a model on your own data')
  .argument('<recipe>', 'JSON file: model, data, tokenizer, optimizer, schedule, steps')
  .option('--out <dir>', 'folder of the run (default: runs/NAME)')
  .option('--resume', 'go on from the last checkpoint')
  .option('--new-schedule', 'with --resume: go on under another schedule than the run began with')
  .option(
    '--arithmetic-check [n]',
    'every n steps, say how far gradients are from those in strict floats (default: a tenth of the steps)',
    whole(1),
  )
  .option('--dry-run', 'check everything, print parameters and memory, and do nothing')
  .addOption(logEvery())
  .addOption(openPage())
  .addHelpText('after', TRAIN_HELP)
  .action(async (recipe, options) => {
    exitCode = await (await import('./train.js')).train(recipe, options);
  });

const sweepCommand = command(
  'sweep',
  'engine',
  'train every recipe of a grid, side by side, and say which is best by how much',
)
  .argument(
    '<grid>',
    'JSON file, or a module (.mjs) that exports one: a recipe with lists or ranges in any field',
  )
  .option('--out <dir>', 'folder for results (default: runs/NAME)')
  .option('--resume', 'keep the runs that are finished already')
  .option('--dry-run', 'build every model, print the runs with memory and time, and do nothing')
  .option('--processes <n>', 'runs at once (default: one per core)', whole(1))
  .option('--map <rows,columns...>', 'maps over these two fields (default: every two of the first four)')
  .option('--open', 'show the page in the browser')
  .addOption(queueOption())
  .addOption(verifyOption())
  .addHelpText('after', SWEEP_HELP)
  .action(async (grid, options) => {
    exitCode = await (await import('./sweep.js')).sweep(grid, options);
  });

statusOptions(sweepCommand).action(async (options) => {
  exitCode = await (await import('./sweep-status.js')).sweepStatus(options);
});

workerOptions(
  command('worker', 'nothing', 'carry out the runs of a queue on this machine, until Ctrl-C'),
).action(async (options) => {
  exitCode = await (await import('./worker.js')).worker(options);
});

command(
  'compare',
  'nothing',
  'lay runs over each other: a page, what differs in their recipes, which is better by how much',
)
  .argument('<runs...>', 'folders of two runs or more')
  .option('--out <file>', 'page to write', 'comparison.html')
  .option('--open', 'show the page in the browser')
  .action(async (runs, options) => {
    exitCode = await (await import('./compare.js')).compare(runs, options);
  });

usage(
  command(
    'evaluate',
    'engine',
    'NLL of a run on held-out data, BLEU when it translates, F1 when it classifies',
  ),
)
  .argument('<run>', RUN)
  .option('--beam <n>', 'beam size; 1 is greedy (default: 5)', whole(1))
  .option('--length-penalty <x>', 'exponent of the length in the score (default: 1.2)', number(0))
  .addOption(
    new Option('--split <name>', 'part of its data to judge by (default: "valid")').choices([
      'valid',
      'test',
    ]),
  )
  .option(
    '--input <file>',
    'a file of your own instead: text, or source TAB target, or text TAB label, as the run was trained on',
  )
  .option('--limit <n>', 'only the first n examples (lines, or windows of a text)', whole(1))
  .addOption(
    new Option('--nll-only', 'no translation: the NLL alone, in a fraction of the time').conflicts([
      'beam',
      'lengthPenalty',
    ]),
  )
  .action(async (run, options) => {
    exitCode = await (await import('./evaluate.js')).evaluate(run, options);
  });

command('translate', 'engine', 'translate lines of text with a run')
  .argument('<run>', 'folder of the run')
  .option('--input <file>', 'text file, a sentence a line (default: standard input)')
  .option('--beam <n>', 'beam size; 1 is greedy (default: 5)', whole(1))
  .option('--length-penalty <x>', 'exponent of the length in the score (default: 1.2)', number(0))
  .option('--n-best <n>', 'the n best of every line, each as: line TAB score TAB text', whole(1))
  .option('--max-new-tokens <n>', 'longest translation (default: twice the line and 10)', whole(1))
  .action(async (run, options) => {
    exitCode = await (await import('./use-run.js')).translate(run, options);
  });

drawing(
  usage(
    command('generate', 'engine and seed', 'continue a text with a run, or a conversation in a terminal'),
  ),
)
  .argument('<run>', RUN)
  .option('--prompt <text>', 'text to continue (default: standard input; in a terminal, what you type)')
  .action(async (run, options) => {
    exitCode = await (await import('./use-run.js')).generate(run, options);
  });

usage(
  command(
    'classify',
    'engine',
    'label and probability of each line of text, by a run of labelled texts or pairs',
  ),
)
  .argument('<run>', RUN)
  .option('--input <file>', 'a text a line, or text TAB text for a run of pairs (default: standard input)')
  .option(
    '--cut',
    'cut texts that are longer than the model holds, as training does, instead of refusing them',
  )
  .option(
    '--threshold <x>',
    'of a run with several labels: the probability from which a text has one',
    number(0),
  )
  .action(async (run, options) => {
    exitCode = await (await import('./classify.js')).classify(run, options);
  });

command(
  'gradients',
  'engine and seed',
  'gradient and activation norms at initialisation, layer by layer, beside the theory',
)
  .option('--layers <list>', 'depths', '6,8,10,12,14')
  .option('--placement <list>', `all, or some of ${normPlacements.join(', ')}`, 'all')
  .addOption(
    new Option('--setting <name>', "theory: the paper's simplified model; toy: four heads, dFF = 2d")
      .choices(['theory', 'toy'])
      .default('theory'),
  )
  .option('--seeds <n>', 'seeds to average over', whole(1), 5)
  .option('--d-model <n>', 'width', whole(8), 64)
  .action(async (options) => {
    exitCode = await (await import('./gradients.js')).gradients({ seed: 1, ...options });
  });

command(
  'bench',
  'engine and seed',
  'speed of the kernels and of whole training steps, as shares of what this machine can do',
)
  .option('--quick', 'fewer shapes and shorter samples: half a minute instead of several')
  .option(
    '--only <parts...>',
    'only these parts: peak, copy, gemm, memory, steps, split, threads, int12, decoding',
  )
  .option('--out <file>', 'also write the results as JSON to this file')
  .option('--check', 'exit with 1 when a target is missed')
  .option('--compare <files...>', 'measure nothing; say of two results, row by row, what is faster or slower')
  .action(async (options) => {
    exitCode = await (await import('./bench.js')).bench(options);
  });

command(
  'conformance',
  'engine',
  'train fixed models for fixed steps and compare the SHA-256 of what comes out',
)
  .option('--item <names...>', 'only these items')
  .action(async (options) => {
    exitCode = await (await import('./conformance.js')).conformance(options);
  });

command('lab', 'nothing', 'train lanes side by side in a page, and see why the placement of the norm matters')
  .argument('[link]', 'a link of the Lab, or what stands behind its #')
  .option('--out <file>', 'write the page as one file, which works from disk without a network')
  .option('--port <n>', 'port of 127.0.0.1 to serve on (default: a free one)', whole(1))
  .option('--open', 'show the page in the browser')
  .option('--headless', 'no page: train the link here and print its fingerprint')
  .option('--text <file>', 'with --headless: the text that the link was made with')
  .action(async (link, options) => {
    exitCode = await (await import('./lab.js')).lab(link, options);
  });

command('export', 'engine', 'write a model as other programs read it, whole or not at all')
  .argument('<run>', RUN)
  .addOption(
    new Option(
      '--to <format>',
      'hf: a folder of Hugging Face; onnx: one for onnxruntime; torch: the stack of layers alone, with names of PyTorch; prenorm: a file for loadModel',
    )
      .choices(['hf', 'onnx', 'torch', 'prenorm'])
      .makeOptionMandatory(),
  )
  .requiredOption('--out <path>', 'folder (hf, onnx) or file to write')
  .option('--max-shard-size <size>', 'largest file of weights, e.g. 500MB (default: 5GB; onnx: 2GB)', bytes)
  .option('--opset <n>', 'onnx: version of the operators, 17 to 23 (default: 17)', whole(17))
  .option('--dtype <type>', 'onnx: how matrices are stored, f32 or f16 (default: f32)')
  .option('--check', 'onnx: compute samples in onnxruntime-web first, and write nothing if it differs')
  .option('--force', 'replace the file, or the folder if all its files have names that an export writes')
  .action(async (run, options) => {
    exitCode = await (await import('./export.js')).exportModel(run, options);
  });

command('info', 'engine', 'what this host can do, versions and hashes; of a model, what it is and needs')
  .argument('[model]', RUN)
  .action(async (model, options) => {
    exitCode = await (await import('./info.js')).info(model, options);
  });

// A reader that goes away (| head) ends the command quietly; a full disk behind > FILE does not.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  note(`standard output: cannot write the result: ${error.message}`);
  process.exit(EXIT.usage);
});

// A terminal that is closed takes no more messages; what it interrupts is saved all the same.
process.stderr.on('error', () => {});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  else exitCode = reportError(error);
}
process.exitCode = exitCode;
