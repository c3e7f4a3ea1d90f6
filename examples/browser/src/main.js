import { CheckpointStore } from 'prenorm/io';
import { WorkerTrainer } from 'prenorm/worker';
import { lossChart } from './chart.js';
import { describeHost, obstacle, registerServiceWorker, threadsToUse } from './host.js';
import { runConfig } from './run-config.js';
import { textInput } from './text-input.js';

const $ = (id) => document.getElementById(id);
const RUN = 'example-run';

const chart = lossChart($('chart'));
const input = textInput({
  area: $('text'),
  file: $('file'),
  section: $('text').closest('section'),
  size: $('text-size'),
  notice,
});

/** What began the run, kept beside its checkpoints. */
let setup = null;
let setupStore = null;
let trainer = null;
let running = false;
let step = 0;
let rate = { step: 0, time: 0 };

/** `kind` 'ask' is something to be done before it can begin: it goes away once it is done. */
function notice(text, kind = 'fact') {
  const line = document.createElement('p');
  line.textContent = text;
  line.dataset.kind = kind;
  $('notices').append(line);
  while ($('notices').children.length > 3) $('notices').firstChild.remove();
}

function say(text) {
  $('status').textContent = text;
}

/** Buttons and fields follow from the state, in this one place. */
function show() {
  const done = setup !== null && step >= setup.steps;
  const begun = trainer !== null;
  $('train').textContent = running ? 'Stop' : begun && !done ? 'Resume' : 'Train';
  const focused = document.activeElement;
  $('train').hidden = !running && done;
  $('again').hidden = !begun || running;
  // Whoever uses the keyboard must not lose the place with the button.
  if (focused?.hidden) (focused.id === 'train' ? $('again') : $('text')).focus();
  // Four times a second is too much to be read out.
  $('status').setAttribute('aria-live', running ? 'off' : 'polite');
  for (const id of ['size', 'steps']) $(id).disabled = begun;
  input.setLocked(begun);
  for (const id of ['sample', 'download']) $(id).disabled = !begun;
  if (setup) $('progress').value = step / setup.steps;
}

/** The run that `setup` describes, in a worker. */
async function open(setup, isKept) {
  trainer = new WorkerTrainer({
    ...runConfig(setup),
    checkpointEvery: 50,
    store: isKept ? RUN : undefined,
    runtime: { threads: threadsToUse() },
  });
  trainer.on('checkpointFailed', ({ error }) => notice(`Not saved: ${error.message}. Training goes on.`));
  const ready = await trainer.ready;
  $('host').textContent = describeHost(ready);
  return ready;
}

async function begin() {
  const text = input.get();
  const steps = Number($('steps').value);
  for (const line of $('notices').querySelectorAll('[data-kind="ask"]')) line.remove();
  if (text.trim() === '') return notice('There is no text yet: paste one, or drop a file.', 'ask');
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= 100_000)) {
    return notice('Steps must be a whole number from 1 to 100,000.', 'ask');
  }
  setup = { text, size: $('size').value, steps };
  step = 0;
  chart.set([]);
  let isKept = true;
  try {
    setupStore ??= await CheckpointStore.open(`${RUN}-setup`);
    await (await CheckpointStore.open(RUN)).remove();
    await setupStore.write(new TextEncoder().encode(JSON.stringify(setup)));
  } catch (error) {
    isKept = false;
    notice(`This run will not survive a reload: ${error.message}`);
  }
  say('Loading …');
  await open(setup, isKept);
  await train();
}

async function train() {
  running = true;
  rate = { step, time: performance.now() };
  show();
  let outcome = '';
  try {
    for await (const metrics of trainer.run()) {
      step = metrics.step;
      chart.add(metrics);
      report(metrics);
    }
    outcome = `Done: ${step} steps, loss ${lastLoss}.`;
  } catch (error) {
    if (error.name === 'AbortError') {
      outcome = `Stopped after step ${step}. Resume when you like, even after a reload.`;
    } else if (error.code === 'CHECKPOINT') {
      notice(`The last checkpoint is not saved: ${error.message}`);
      outcome = `Ended after step ${step}, which is not saved.`;
    } else throw error;
  } finally {
    running = false;
    show();
    if (outcome) say(outcome);
    await fingerprint();
  }
}

let lastLoss = '';
let heldOut = '';
let shown = 0;
function report({ loss, validNll }) {
  lastLoss = loss.toFixed(3);
  if (validNll !== undefined) heldOut = `, held out ${validNll.toFixed(3)}`;
  $('progress').value = step / setup.steps;
  const now = performance.now();
  if (now - shown < 250) return;
  shown = now;
  const perSecond = ((step - rate.step) * 1000) / (now - rate.time);
  say(`Step ${step} of ${setup.steps}: loss ${lastLoss}${heldOut}, ${perSecond.toFixed(1)} steps a second`);
}

async function fingerprint() {
  const hash = await trainer.hash().catch(() => null);
  $('fingerprint').textContent = hash ? `Fingerprint at step ${step}: ${hash}` : '';
  $('fingerprint').title = 'The same text and settings give the same fingerprint in every browser.';
}

/** Whatever ends a run for good is told, and the page can be used again. */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    notice(error.message);
    say('Ended by an error.');
    trainer?.close();
    trainer = null;
    running = false;
  }
  show();
}

async function reopen() {
  setupStore = await CheckpointStore.open(`${RUN}-setup`).catch(() => null);
  const stored = await setupStore?.read().catch(() => null);
  if (!stored) return;
  setup = JSON.parse(new TextDecoder().decode(stored.bytes));
  input.set(setup.text);
  $('size').value = setup.size;
  $('steps').value = setup.steps;
  say('Loading the run of last time …');
  await open(setup, true);
  const restored = await trainer.restore().catch((error) => {
    notice(`The checkpoint that is kept here is not used: ${error.message}`);
    return null;
  });
  step = restored?.step ?? 0;
  chart.set(restored?.losses ?? []);
  lastLoss = restored?.losses.at(-1)?.toFixed(3) ?? '';
  say(
    step === 0
      ? 'A run that has not begun.'
      : `The run of last time: step ${step} of ${setup.steps}, loss ${lastLoss}.`,
  );
  if (step > 0) await fingerprint();
}

$('train').addEventListener('click', () => {
  if (running) {
    say('Stopping after this step …');
    trainer.cancel();
  } else attempt(trainer ? train : begin);
});

$('again').addEventListener('click', async () => {
  trainer?.close();
  trainer = null;
  setup = null;
  step = 0;
  await setupStore?.remove().catch(() => {});
  $('progress').value = 0;
  $('fingerprint').textContent = '';
  $('sampled').textContent = '';
  chart.set([]);
  input.set(input.get());
  say('Not started.');
  show();
});

let sampling = false;
$('sample').addEventListener('click', async () => {
  if (sampling) return; // disabled, the button would lose the focus
  sampling = true;
  const prompt = $('prompt').value;
  try {
    const { text } = await trainer.generate({
      prompt: prompt === '' ? '\n' : prompt,
      length: 400,
      temperature: Number($('temperature').value),
      seed: step,
    });
    $('sampled').textContent = prompt + text;
  } catch (error) {
    notice(error.message);
  }
  sampling = false;
});

$('download').addEventListener('click', async () => {
  try {
    const { weights, step: at } = await trainer.snapshot();
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([weights]));
    link.download = `weights-step-${at}.safetensors`;
    link.click();
    // The browser reads it after this event.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    notice(error.message);
  }
});

const reason = obstacle();
if (reason) {
  notice(reason);
  say('Nothing can be trained here.');
  $('train').disabled = true;
} else {
  if (!globalThis.crossOriginIsolated) {
    $('host').textContent = 'SharedArrayBuffer is not available here, so training uses one thread.';
  }
  await attempt(reopen);
  await registerServiceWorker(() => !running && (trainer !== null || input.get() === ''));
}
document.documentElement.dataset.ready = 'yes';
