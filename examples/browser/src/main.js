/** The page's controls, and the run behind them. */
import { loadKjv } from 'prenorm/data';
import { WorkerTrainer } from 'prenorm/worker';
import { lossChart } from './chart.js';
import { Curve } from './curve.js';
import { describeHost, obstacle, registerServiceWorker, threadsToUse } from './host.js';
import { inPlainWords, noticeBoard } from './notices.js';
import { duration, estimate, Pace, rememberRate } from './pace.js';
import { MIN_CHARS, parameters, runConfig } from './run-config.js';
import { RUN, RunStore } from './run-store.js';
import { trainingSamples } from './samples.js';
import { lossesInWords, statusLine } from './status.js';
import { textInput } from './text-input.js';
import { useModel } from './use-model.js';

const $ = (id) => document.getElementById(id);
const MAX_STEPS = 100_000;

const notices = noticeBoard($('notices'));
const status = statusLine($('status'), $('spoken'));
const { say } = status;
const chart = lossChart({
  element: $('chart'),
  legend: $('legend'),
  meaning: $('meaning'),
  rows: $('numbers').querySelector('tbody'),
  details: $('numbers'),
});
const input = textInput({
  area: $('text'),
  file: $('file'),
  section: $('text').closest('section'),
  size: $('text-size'),
  notices,
  changed: () => notices.solved('text'),
});
const samples = trainingSamples($('samples'), keepNotes);
const store = new RunStore();
const use = useModel({
  $,
  notices,
  curve: () => chart.curve,
  trainer: () => trainer,
  step: () => step,
});

/** What the run is made of, kept beside its checkpoints; null before there is one. */
let setup = null;
let isKept = false;
let trainer = null;
let threads = 1;
let running = false;
let step = 0;

/** Buttons and fields follow from the state, in this one place. */
function show() {
  const begun = setup !== null;
  const done = begun && step >= setup.steps;
  $('train').textContent = running ? 'Stop' : begun ? 'Resume' : 'Train';
  const focused = document.activeElement;
  $('train').hidden = !running && done;
  $('again').hidden = !begun || running;
  $('more').hidden = !done || running;
  // Whoever uses the keyboard must not lose the place with the button.
  if (focused?.hidden) $(done ? 'more' : begun ? 'train' : 'text').focus();
  status.setRunning(running);
  $('size').disabled = begun;
  $('steps').disabled = begun && (running || !done);
  $('steps-name').textContent = done && !running ? 'More steps' : 'Steps';
  $('try').disabled = begun;
  input.setLocked(begun);
  use.show();
  $('expect').hidden = begun;
  for (const id of ['live', 'progress']) $(id).hidden = !begun;
  if (begun) $('progress').value = step / setup.steps;
  else expect();
}

/** How large the model is and how long it would take, before it begins. */
function expect() {
  $('how-large').textContent = parameters($('size').value).toLocaleString('en');
  const steps = askedSteps();
  $('how-long').textContent =
    steps === null
      ? ''
      : `${steps === 1 ? 'One step takes' : `${steps} steps take`} about ${duration(estimate($('size').value, steps, threadsToUse()))} on this device.`;
}

function askedSteps() {
  const steps = Number($('steps').value);
  return Number.isInteger(steps) && steps >= 1 && steps <= MAX_STEPS ? steps : null;
}

/** The run that `setup` describes, in a worker. */
async function open() {
  trainer = new WorkerTrainer({
    ...runConfig(setup),
    checkpointEvery: 50,
    store: isKept ? RUN : undefined,
    runtime: { threads: threadsToUse() },
  });
  trainer.on('checkpoint', () => notices.solved('checkpoint'));
  trainer.on('checkpointFailed', ({ error }) => {
    const text =
      'Not saved just now: this browser has no room for the run, or refuses to keep it. Training goes on. Free some space, or download the model before you close the tab.';
    notices.say('checkpoint', text, { error });
  });
  const ready = await trainer.ready;
  threads = ready.capabilities.threads;
  $('host').textContent = describeHost(ready);
  return ready;
}

async function begin() {
  const text = input.get();
  const steps = askedSteps();
  notices.solved('text', 'steps', 'run', 'locked');
  if (text.trim() === '') {
    return notices.say('text', 'There is no text yet: paste one, drop a file, or try the one that is here.');
  }
  if (text.length < MIN_CHARS) {
    return notices.say(
      'text',
      `The text is too short to learn from: it has ${text.length} characters, and ${MIN_CHARS} are needed at least. Some pages are better.`,
    );
  }
  if (steps === null) return notices.say('steps', 'Steps must be a whole number from 1 to 100,000.');
  setup = { id: Date.now(), text, size: $('size').value, steps };
  step = 0;
  chart.set(new Curve(), steps);
  samples.set([]);
  isKept = true;
  try {
    await store.begin(setup);
  } catch (error) {
    isKept = false;
    notices.say('kept', 'This run will not survive a reload: this browser does not keep it.', { error });
  }
  say('Loading …');
  show();
  try {
    await open();
  } catch (error) {
    // Nothing was trained: nothing is lost.
    setup = null;
    await store.forget().catch(() => {});
    throw error;
  }
  await train();
}

async function train() {
  running = true;
  const pace = new Pace(step, performance.now());
  samples.begin(performance.now());
  show();
  let outcome = '';
  try {
    for await (const metrics of trainer.run()) {
      step = metrics.step;
      chart.add(metrics);
      pace.add(step, performance.now());
      $('progress').value = step / setup.steps;
      const { steps } = setup;
      status.report({ step, steps, secondsLeft: pace.secondsLeft(steps), curve: chart.curve });
      if (metrics.validNll !== undefined) keepNotes();
      if (samples.isDue(performance.now()) && step < setup.steps)
        void samples.take(trainer, { step, text: setup.text });
    }
    outcome = `Done: ${step} steps. ${lossesInWords(chart.curve)}`;
  } catch (error) {
    if (error.name === 'AbortError') {
      outcome = `Stopped after step ${step}. Resume when you like${isKept ? ', even after a reload' : ''}.`;
    } else if (error.code === 'CHECKPOINT') {
      notices.say(
        'checkpoint',
        'The end of this run is not saved: this browser has no room for it, or refuses to keep it. Download the model before you close the tab.',
        { error },
      );
      outcome = `Ended after step ${step}, which is not saved. ${lossesInWords(chart.curve)}`;
    } else throw error;
  } finally {
    running = false;
    show();
    if (pace.secondsLeft(setup.steps) !== null) rememberRate(setup.size, threads, pace.stepsPerSecond);
  }
  say(outcome);
  await fingerprint();
  await samples.take(trainer, { step, text: setup.text });
}

/** Held-out points and samples are not in checkpoints. */
function keepNotes() {
  if (isKept && setup) store.note(setup.id, { held: chart.curve.heldPoints(), samples: samples.all });
}

async function fingerprint() {
  const hash = await trainer.hash().catch(() => null);
  $('fingerprint').textContent = hash ? `Fingerprint at step ${step}: ${hash}` : '';
}

/** Whatever ends a run is told, and the page can be used again. */
async function attempt(work) {
  notices.solved('run');
  try {
    await work();
  } catch (error) {
    notices.say('run', inPlainWords(error), { error });
    say(setup ? `Ended by an error after step ${step}.` : 'Ended by an error.');
    trainer?.close();
    trainer = null;
    running = false;
    // Nowhere to go on from.
    if (!isKept) setup = null;
  }
  show();
}

/** The run of last time, or one that an error has ended: as its newest checkpoint has it. */
async function reopen() {
  const stored = await store.read().catch(() => null);
  if (!stored) {
    setup = null;
    return;
  }
  ({ setup } = stored);
  isKept = true;
  input.set(setup.text);
  $('size').value = setup.size;
  $('steps').value = setup.steps;
  say('Loading the run of last time …');
  show();
  await open();
  const restored = await trainer.restore().catch((error) => {
    notices.say(
      'restored',
      'The checkpoint that is kept here is not used: it belongs to another run, or is damaged. This one begins anew.',
      { error },
    );
    return null;
  });
  step = restored?.step ?? 0;
  const upToHere = (list, stepOf) => (list ?? []).filter((item) => stepOf(item) <= step);
  chart.set(Curve.from(restored?.losses ?? [], stored.notes?.held), setup.steps);
  samples.set(upToHere(stored.notes?.samples, (sample) => sample.step));
  if (step === 0) say('A run that has not begun.');
  else
    say(
      `The run of last time: step ${step} of ${setup.steps}${step < setup.steps ? '' : ', done'}. ${lossesInWords(chart.curve)}`,
    );
  if (step > 0) await fingerprint();
}

$('train').addEventListener('click', () => {
  if (running) {
    say('Stopping after this step …');
    trainer.cancel();
    return;
  }
  attempt(async () => {
    if (!setup) return begin();
    if (!trainer) await reopen();
    notices.solved('restored');
    if (setup) await train();
  });
});

// More steps after the last: the same run as one that had had them from the start.
$('more').addEventListener('click', () => {
  const more = askedSteps();
  const most = MAX_STEPS - step;
  if (more === null || more > most) {
    notices.say('steps', `More steps must be a whole number from 1 to ${most.toLocaleString('en')}.`);
    return;
  }
  notices.solved('steps');
  attempt(async () => {
    if (!trainer) await reopen();
    const { checkpoint } = await trainer.snapshot();
    const longer = { ...setup, steps: step + more };
    if (isKept) await store.change(longer);
    trainer.close();
    setup = longer;
    chart.set(chart.curve, setup.steps);
    $('steps').value = setup.steps;
    say('Loading …');
    await open();
    await trainer.restore(checkpoint);
    await train();
  });
});

$('again').addEventListener('click', async () => {
  trainer?.close();
  trainer = null;
  setup = null;
  step = 0;
  notices.solved('run', 'restored', 'checkpoint', 'kept', 'sample', 'locked');
  await store.forget().catch(() => {});
  $('fingerprint').textContent = '';
  use.startOver();
  input.set(input.get());
  say('Not started.');
  show();
});

$('try').addEventListener('click', async () => {
  input.set(await loadKjv());
});

for (const id of ['size', 'steps']) {
  $(id).addEventListener('input', () => {
    notices.solved('steps');
    if (!setup) expect();
  });
}

const reason = obstacle();
if (reason) {
  notices.say('host', reason);
  say('Nothing can be trained here.');
  $('train').disabled = true;
  $('open').disabled = true;
  use.show();
} else {
  if (!globalThis.crossOriginIsolated) {
    $('host').textContent = 'SharedArrayBuffer is not available here, so training uses one thread.';
  }
  await attempt(reopen);
  await registerServiceWorker(() => !running && !use.isOpen && (trainer !== null || input.get() === ''));
}
document.documentElement.dataset.ready = 'yes';
