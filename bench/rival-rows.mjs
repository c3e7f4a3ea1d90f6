/** @file The rows of rivals' training steps, from what each engine's rounds took. */
import { bench } from '../scripts/built-bench.mjs';

const { makeRow, missingRow, quartiles, targets } = bench;

export const TITLES = { pytorch: 'PyTorch', jax: 'jax-js', tfjs: 'TensorFlow.js' };

/** Ours take part in floats and in int12. */
export const isOurs = (rival) => rival === 'prenorm' || rival === 'int12';

/** Which of an engine's two times are compared: of one thread, those that it computed. */
export const clockOf = ({ threads }) => (threads === 1 ? 'cpu' : 'wall');

export function makeRows(model, found, conditions) {
  const rows = [];
  const isTimed = (entry) => !entry.problem && entry.wall.size > 0;
  const median = (samples) => quartiles([...samples.values()]).median;
  const best = (rival) =>
    found
      .filter((entry) => entry.rival === rival && isTimed(entry))
      .sort((a, b) => median(a.wall) - median(b.wall))[0];
  const [ours] = found;
  const int12 = found.find(({ rival, threads }) => rival === 'int12' && threads === 1);
  const base = { unit: 'ms', better: /** @type {const} */ ('higher'), conditions };
  const nameOf = ({ label }) => `${model}, Prenorm, ${label}`;
  const said = (note, ...entries) => {
    const dropped = entries.reduce((sum, entry) => sum + entry.dropped, 0);
    return dropped === 0 ? note : `${note}; ${dropped} disturbed round${dropped === 1 ? '' : 's'} dropped`;
  };
  const tooFew = (entry, samples) => samples.length < Math.min(3, entry.rounds);
  for (const entry of found.filter(({ rival }) => isOurs(rival))) {
    if (!isTimed(entry)) continue;
    const samples = [...entry[clockOf(entry)].values()];
    const note = said(entry.engine.build, entry);
    rows.push(
      makeRow({
        ...base,
        name: nameOf(entry),
        better: 'lower',
        samples,
        note,
        tooNoisy: tooFew(entry, samples),
      }),
    );
  }
  const beside = (name, theirs, mine, clock, target, note) => {
    const rounds = [...theirs[clock].keys()].filter((round) => mine[clock].has(round));
    if (rounds.length === 0) return missing(name, mine, target, 'every round was disturbed');
    const samples = rounds.map((round) => theirs[clock].get(round));
    const shares = rounds.map((round) => theirs[clock].get(round) / mine[clock].get(round));
    const tooNoisy = tooFew(theirs, samples);
    const noted = said(note, theirs, mine);
    return makeRow({
      ...base,
      name,
      reference: nameOf(mine),
      samples,
      shares,
      target,
      note: noted,
      tooNoisy,
    });
  };
  const missing = (name, mine, target, note) =>
    missingRow({ ...base, name, reference: nameOf(mine), target, note });
  for (const entry of found) {
    const { rival, label, problem, absent } = entry;
    if (isOurs(rival)) continue;
    const name = `${model} beside ${TITLES[rival]}, ${label}`;
    const target = targetOf(rival, label)?.[model];
    if (problem || !isTimed(ours)) {
      const row = missing(name, ours, target, problem ?? ours.problem ?? 'every round was disturbed');
      // What is not here cannot be missed.
      rows.push(absent ? { ...row, met: null } : row);
    } else rows.push(beside(name, entry, ours, clockOf(entry), target, entry.engine.build));
    if (rival === 'pytorch' && label === '1 thread' && !absent) {
      const named = `${model} int12 beside PyTorch, 1 thread`;
      const wanted = targets.int12.pytorchOneThread[model];
      if (problem || !int12 || !isTimed(int12)) {
        rows.push(
          missing(named, int12 ?? ours, wanted, problem ?? int12?.problem ?? 'every round was disturbed'),
        );
      } else rows.push(beside(named, entry, int12, 'cpu', wanted, entry.engine.build));
    }
  }
  const theirs = best('pytorch');
  for (const [rival, name, wanted] of [
    ['prenorm', model, targets.pytorchBest[model]],
    ['int12', `${model} int12`, targets.int12.pytorchBest[model]],
  ]) {
    const mine = best(rival);
    if (!mine || !theirs) continue;
    const note = `ours ${mine.label}, theirs ${theirs.label}`;
    rows.push(beside(`${name} beside PyTorch, best threads of each`, theirs, mine, 'wall', wanted, note));
  }
  return rows;
}

function targetOf(rival, label) {
  if (rival === 'pytorch') return label === '1 thread' ? targets.pytorchOneThread : undefined;
  return rival === 'jax' ? targets.jaxJs : targets.tensorflowJs;
}
