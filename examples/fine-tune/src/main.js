/** The page's controls, and the tuning behind them. */
import { lossChart } from '../../browser/src/chart.js';
import { Curve } from '../../browser/src/curve.js';
import { obstacle, registerServiceWorker, threadsToUse } from '../../browser/src/host.js';
import { inPlainWords, noticeBoard } from '../../browser/src/notices.js';
import { Pace } from '../../browser/src/pace.js';
import { saveFile } from '../../browser/src/save-file.js';
import { lossesInWords, statusLine } from '../../browser/src/status.js';
import { textInput } from '../../browser/src/text-input.js';
import { baseInput } from './base-input.js';
import { Comparison } from './comparison.js';
import { Tuner } from './tuner.js';
import { describeBase, describeRun, refusal } from './words.js';

const $ = (id) => document.getElementById(id);
const MAX_STEPS = 100_000;
/** What errors mean here and not in a training from nothing. */
const MEANINGS = {
  MEMORY:
    'This device has not enough memory for that. Train the pairs or the norms, or take a smaller model.',
  DATA: 'There is too little to learn from, or it is no text or table that can be used.',
  CONFIG: 'This model cannot be tuned for that.',
  FORMAT:
    'This is no model that can be read here. A folder of one has config.json, model.safetensors and its tokenizer.',
  CHECKPOINT: 'This file is no model of Prenorm, or it is damaged.',
};

const notices = noticeBoard($('notices'));
const status = statusLine($('status'), $('spoken'));
const { say } = status;
/** What the last tuning was: `lm` or `classify`; null before one. */
let task = null;
const chart = lossChart({
  element: $('chart'),
  legend: $('legend'),
  meaning: $('meaning'),
  rows: $('numbers').querySelector('tbody'),
  details: $('numbers'),
  unit: () => (task === 'classify' ? 'labels' : 'tokens'),
});
const whole = () => (task === 'classify' ? 'table' : 'text');
const tuner = new Tuner();
const comparison = new Comparison({ $, tuner, notices });
const input = textInput({
  area: $('text'),
  file: $('file'),
  section: $('text').closest('section'),
  size: $('text-size'),
  notices,
  changed: () => notices.solved('text'),
  modelGoes: 'Choose it above, as the model.',
});
const base = baseInput({
  folder: $('folder'),
  files: $('files'),
  section: $('folder').closest('section'),
  chosen: (files, name) => attempt('base', () => open(files, name)),
});

const adapterHelp = $('adapter-help').innerHTML;
const WHOLE_ONLY =
  'More was trained than pairs: a table trains a head for its labels, too. So the whole model is what can be taken.';

/** The model that is open; null while there is none. */
let opened = null;
let running = false;
/** What the last tuning has come to; null before its end. */
let tuned = null;

/** Buttons and fields follow from the state, in this one place. */
function show() {
  $('tune').textContent = running ? 'Stop' : tuned ? 'Tune anew' : 'Tune';
  status.setRunning(running);
  for (const id of ['what', 'steps']) $(id).disabled = running;
  base.setLocked(running);
  input.setLocked(running);
  const begun = running || chart.curve.length > 0;
  $('expect').hidden = begun;
  for (const id of ['live', 'progress']) $(id).hidden = !begun;
  const isDone = tuned !== null && !running;
  for (const id of ['adapter', 'adapter-config']) $(id).disabled = !isDone || !tuned.hasAdapter;
  $('model').disabled = !isDone;
  $('adapter-help').innerHTML = isDone && !tuned.hasAdapter ? WHOLE_ONLY : adapterHelp;
  comparison.setReady(isDone);
}

async function open(files, name) {
  notices.solved('base', 'run');
  $('base').textContent = `Opening ${name} …`;
  try {
    const found = await tuner.ask('open', { files, threads: threadsToUse() });
    const words = refusal(found);
    if (words) throw Object.assign(new Error(words), { isPlain: true });
    opened = { ...found, name };
    reset();
    $('base').textContent = describeBase(opened);
  } catch (error) {
    opened = null;
    reset();
    $('base').textContent = '';
    throw error;
  }
}

/** What was tuned belongs to another model. */
function reset() {
  tuned = null;
  chart.set(new Curve(), 100);
  comparison.clear();
  $('fingerprint').textContent = '';
  say('Not started.');
}

function asked() {
  const steps = Number($('steps').value);
  const text = input.get();
  if (!opened) notices.say('base', 'There is no model yet: choose a folder, or drop one.');
  else if (text.trim() === '')
    notices.say('text', 'There is no text yet: paste one, or choose or drop a file.');
  else if (!Number.isInteger(steps) || steps < 1 || steps > MAX_STEPS)
    notices.say('steps', 'Steps must be a whole number from 1 to 100,000.');
  else return { text, steps, what: $('what').value };
  return null;
}

async function tune() {
  notices.solved('base', 'text', 'steps', 'run');
  const wanted = asked();
  if (!wanted) return;
  running = true;
  reset();
  const { steps } = wanted;
  chart.set(new Curve(), steps);
  say('Preparing …');
  show();
  let pace;
  tuned = null;
  const result = await tuner.ask('tune', wanted, ({ begun, before, ...metrics }) => {
    if (begun) {
      ({ task } = begun);
      $('facts').textContent = describeRun(begun);
      comparison.begin(begun, wanted.text);
      say('Counting its mistakes before …');
    } else if (before) {
      comparison.score('before', before);
      pace = new Pace(0, performance.now());
    } else {
      chart.add(metrics);
      pace.add(metrics.step, performance.now());
      $('progress').value = metrics.step / steps;
      const secondsLeft = pace.secondsLeft(steps);
      status.report({ step: metrics.step, steps, secondsLeft, curve: chart.curve, whole: whole() });
    }
  });
  tuned = result;
  running = false;
  const { step, bestStep } = tuned;
  comparison.score('after', tuned.after, bestStep < step ? `, as it was after step ${bestStep}` : '');
  const end = step < steps ? `Stopped after step ${step}.` : `Done: ${step} steps.`;
  say(`${end} ${lossesInWords(chart.curve, whole())}`);
  show();
  await fingerprint();
  await comparison.run();
}

/** SHA-256 of what was learnt, as a file has it. */
async function fingerprint() {
  const bytes = tuned.hasAdapter
    ? (await tuner.ask('adapter'))['adapter_model.safetensors']
    : await tuner.ask('model');
  // Only where the page came over a safe connection, or from this device.
  if (!crypto.subtle) return;
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
  $('fingerprint').textContent = `Fingerprint of the ${tuned.hasAdapter ? 'adapter' : 'model'}: ${hex}`;
}

/** Whatever goes wrong is told, and the page can be used again. */
async function attempt(key, work) {
  notices.solved(key);
  try {
    await work();
  } catch (error) {
    const isPlain = error.isPlain === true;
    notices.say(key, isPlain ? error.message : inPlainWords(error, MEANINGS), isPlain ? {} : { error });
    if (key === 'run') say('Ended by an error.');
    running = false;
  }
  show();
}

$('tune').addEventListener('click', () => {
  if (running) {
    say('Stopping after this step …');
    tuner.ask('stop');
    return;
  }
  attempt('run', tune);
});
for (const id of ['steps', 'what']) $(id).addEventListener('input', () => notices.solved('steps'));

const keep = (id, work) =>
  $(id).addEventListener('click', () => {
    work().then(
      () => notices.solved('keep'),
      (error) => notices.say('keep', 'It could not be fetched just now.', { error, seconds: 20 }),
    );
  });
for (const [id, name] of [
  ['adapter', 'adapter_model.safetensors'],
  ['adapter-config', 'adapter_config.json'],
]) {
  keep(id, async () => saveFile(name, (await tuner.ask('adapter'))[name]));
}
keep('model', async () => saveFile('model.safetensors', await tuner.ask('model')));
$('csv').addEventListener('click', () => saveFile('loss.csv', chart.curve.csv(), 'text/csv'));

show();
const reason = obstacle();
if (reason) {
  notices.say('host', reason);
  say('Nothing can be tuned here.');
  $('tune').disabled = true;
} else {
  const threads = threadsToUse();
  $('host').textContent =
    `Computes with ${threads === 1 ? 'one thread' : `${threads} threads`}, in a worker of this page.`;
  await registerServiceWorker(() => opened === null && input.get() === '');
}
document.documentElement.dataset.ready = 'yes';
