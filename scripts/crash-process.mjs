/** @file A process of the command line that the crash test starts, watches and kills. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * @param {string[]} command what runs the command line
 * @param {string} cwd
 * @param {string[]} args
 */
export function startCommand(command, cwd, args) {
  const child = spawn(process.execPath, [...command, ...args], { cwd });
  child.stdin.end();
  let stdout = '';
  let stderr = '';
  let isOver = false;
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  /** @type {Promise<{ code: number | null, signal: NodeJS.Signals | null, stdout: string, stderr: string }>} */
  const ended = new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, signal) => {
      isOver = true;
      done({ code, signal, stdout, stderr });
    });
  });
  return {
    pid: child.pid,
    ended,
    /** @param {NodeJS.Signals} signal */
    kill: (signal) => child.kill(signal),
    /** Waits until something holds, or the process has ended. @param {() => boolean} reached */
    async until(reached) {
      while (!isOver && !reached()) await new Promise((done) => setTimeout(done, 2));
    },
    /** Ids of its own processes. @returns {number[]} */
    children() {
      try {
        const list = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
        return list.split(' ').filter(Boolean).map(Number);
      } catch {
        return [];
      }
    },
  };
}
