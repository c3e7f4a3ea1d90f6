/** @file What else the machine did while something was measured, as far as the system tells: Linux does, in /proc. */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';

/** Beside a row, so that a reader can tell a slow kernel from a busy machine. */
export interface Conditions {
  /** Processes that wanted a processor, ours among them: the system's average of the last minute, at the end. */
  load: number;
  /** Part of the machine's processor time that its host gave to others; null where the system does not say. */
  steal: number | null;
}

/** Milliseconds of all processors since the start, and those of them that were stolen. */
export interface MachineTime {
  all: number;
  idle: number;
  stolen: number;
}

/** Milliseconds of a tick of /proc/stat, which is a hundredth of a second wherever Node runs. */
const TICK = 10;

/** What the first line of /proc/stat says; null for anything else. */
export function parseStat(text: string): MachineTime | null {
  const found = /^cpu +(\d+(?: \d+){7,})/.exec(text);
  if (!found) return null;
  const [user, nice, system, idle, iowait, irq, softirq, steal] = found[1].split(' ').map(Number);
  const all = user + nice + system + idle + iowait + irq + softirq + steal;
  return { all: all * TICK, idle: (idle + iowait) * TICK, stolen: steal * TICK };
}

export function machineTime(): MachineTime | null {
  try {
    return parseStat(readFileSync('/proc/stat', 'utf8'));
  } catch {
    return null;
  }
}

/** Begins to watch; the function it returns says what was seen until it is called. */
export function watch(): () => Conditions {
  const before = machineTime();
  return () => {
    const after = machineTime();
    const steal =
      before && after ? (after.stolen - before.stolen) / Math.max(TICK, after.all - before.all) : null;
    return { load: loadavg()[0], steal };
  };
}

/** Milliseconds of processors that nobody who is counted took: other processes, and the host. */
export function takenByOthers(before: MachineTime, after: MachineTime, counted: number): number {
  const busy = after.all - before.all - (after.idle - before.idle);
  return Math.max(0, busy - counted);
}
