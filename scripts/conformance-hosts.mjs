/**
 * @file What the conformance matrix runs on, fetched into .cache/conformance/ when it is not there: Node lines, Deno and
 * Bun from npm, and Debian's user-mode emulators with a Node for ARM64. Each function gives a command, or throws the
 * reason.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Lines of Node newer than the oldest supported one, which runs this script. */
export const NODE_LINES = ['22.23.3', '24.21.0', '26.10.0'];
const ARM_NODE = '20.20.0';
/** The packages of npm that carry the program itself, for the processors and systems they are made for. */
const DENO = { version: '2.9.5', systems: { linux: 'linux-%-glibc', darwin: 'darwin-%' } };
const BUN = { version: '1.4.5', systems: { linux: 'linux-%', darwin: 'darwin-%' } };

const cache = join(
  import.meta.dirname ?? new URL('.', import.meta.url).pathname,
  '..',
  '.cache',
  'conformance',
);

const quietly = (command, args, options = {}) =>
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', ...options });

/** The program of one Node version for Linux. */
export function nodeOf(version, arch = 'x64') {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('needs Linux on x86-64');
  const name = `node-linux-${arch}`;
  return [fromNpm(`node-${version}-${arch}`, `${name}@${version}`, join(name, 'bin/node'), arch !== 'x64')];
}

/** Deno, whose engine is Node's; everything is allowed to it, as it is to Node. */
export function deno() {
  const name = `@deno/${systemOf('Deno', DENO.systems, process.arch)}`;
  return [fromNpm(`deno-${DENO.version}`, `${name}@${DENO.version}`, join(name, 'deno')), 'run', '-A'];
}

/** Bun, whose engine is Safari's, JavaScriptCore. */
export function bun() {
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch;
  const name = `@oven/bun-${systemOf('Bun', BUN.systems, arch)}`;
  return [fromNpm(`bun-${BUN.version}`, `${name}@${BUN.version}`, join(name, 'bin/bun'))];
}

function systemOf(program, systems, arch) {
  const system = systems[process.platform];
  if (!system) throw new Error(`${program} is fetched for ${Object.keys(systems).join(' and ')} only`);
  return system.replace('%', arch);
}

/** A program out of a package, installed in a folder of its own; `path` is where it lies in node_modules. */
function fromNpm(name, specifier, path, otherProcessor = false) {
  const folder = join(cache, name);
  const program = join(folder, 'node_modules', path);
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
    const flags = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund'];
    // A package for another processor is refused without --force.
    quietly('npm', ['install', ...flags, ...(otherProcessor ? ['--force'] : []), specifier], { cwd: folder });
  }
  return program;
}

/** This Node on an older x86-64 processor: Nehalem has no AVX and no FMA, Haswell has both. */
export function emulatedX64(cpu) {
  return [emulator('x86_64'), '-cpu', cpu, process.execPath];
}

/** A Node for ARM64, with Debian's cross libraries as its system. */
export function emulatedArm64() {
  const program = emulator('aarch64');
  const libraries = unpacked('arm64', [
    'libc6-arm64-cross',
    'libstdc++6-arm64-cross',
    'libgcc-s1-arm64-cross',
  ]);
  return [program, '-L', join(libraries, 'usr/aarch64-linux-gnu'), ...nodeOf(ARM_NODE, 'arm64')];
}

function emulator(arch) {
  const names = [`qemu-${arch}`, `qemu-${arch}-static`];
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
  return found ?? join(unpacked('qemu', ['qemu-user-static']), 'usr/bin', names[1]);
}

/** Debian packages, unpacked in the cache without being installed. */
function unpacked(name, packages) {
  const folder = join(cache, name);
  const done = join(folder, 'unpacked');
  if (existsSync(done)) return folder;
  mkdirSync(folder, { recursive: true });
  try {
    quietly('apt-get', ['download', ...packages], { cwd: folder });
    for (const file of readdirSync(folder)) {
      if (file.endsWith('.deb')) quietly('dpkg', ['-x', file, '.'], { cwd: folder });
    }
  } catch (error) {
    throw new Error(`cannot get ${packages.join(', ')} from Debian: ${String(error.message).split('\n')[0]}`);
  }
  writeFileSync(done, `${packages.join('\n')}\n`);
  return folder;
}
