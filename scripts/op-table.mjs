/**
 * @file Writes two documents from the sources. docs/ops.md, for users: every op, how it is called and what it computes.
 * docs/op-kernels.md, for contributors: which kernels every op calls forward and backward, where each kernel, its
 * double-precision reference and its test are, and which ops have gradcheck and parity cases.
 * `node scripts/op-table.mjs` writes them, `--check` fails when one is stale, `--json` prints the table for
 * test/kernels/op-table.test.ts, which fails when something is missing. It reads text, so it needs no build.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const OPS = 'src/autograd/ops';
const GRADCHECK = 'test/parity/gradcheck.test.ts';
const PARITY = 'test/parity/ops.test.ts';
const KERNEL_TABLE = 'docs/op-kernels.md';
const OP_LIST = 'docs/ops.md';
const read = (path) => readFileSync(join(root, path), 'utf8');
const list = (folder, end) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(end))
    .sort();

/** Comments and strings out, so that what is left is code. Positions are kept. */
function codeOf(text) {
  const blank = (match) => match.replace(/[^\n]/g, ' ');
  return text
    .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, blank)
    .replace(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, blank);
}

/** Position behind the bracket that closes the one at `open`. */
function closing(code, open) {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if ('([{'.includes(code[i])) depth++;
    else if (')]}'.includes(code[i]) && --depth === 0) return i + 1;
  }
  return code.length;
}

/** Arguments of the call whose bracket is at `open`, as [start, end) pairs. */
function argumentsOf(code, open) {
  const end = closing(code, open) - 1;
  const found = [];
  let [depth, start] = [0, open + 1];
  for (let i = open + 1; i < end; i++) {
    if ('([{'.includes(code[i])) depth++;
    else if (')]}'.includes(code[i])) depth--;
    else if (code[i] === ',' && depth === 0) {
      found.push([start, i]);
      start = i + 1;
    }
  }
  if (code.slice(start, end).trim() !== '') found.push([start, end]);
  return found;
}

/** Functions of the op files: what each calls outside (forward) and inside (backward) of `record` or `unary`. */
function readOps() {
  const functions = new Map();
  for (const file of list(OPS, '.ts').filter((name) => name !== 'index.ts')) {
    const code = codeOf(read(`${OPS}/${file}`));
    const starts = [
      ...code.matchAll(/^(?:export )?(?:async )?(?:function|const|class|interface|type) (\w+)/gm),
    ];
    starts.forEach((match, i) => {
      const body = code.slice(match.index, starts[i + 1]?.index ?? code.length);
      functions.set(match[1], { file, ...callsOf(body) });
    });
  }
  return functions;
}

function callsOf(body) {
  const backward = [];
  for (const match of body.matchAll(/\brecord\(/g)) {
    backward.push(argumentsOf(body, match.index + match[0].length - 1)[3]);
  }
  for (const match of body.matchAll(/=\s*unary\(|=>\s*unary\(/g)) {
    backward.push(argumentsOf(body, match.index + match[0].length - 1)[3]);
  }
  const inside = (at) => backward.some(([start, end]) => at >= start && at < end);
  const calls = {
    forward: { kernels: new Set(), uses: new Set() },
    backward: { kernels: new Set(), uses: new Set() },
  };
  for (const match of body.matchAll(/\b(?:kernels|k)\.(\w+)\(/g)) {
    calls[inside(match.index) ? 'backward' : 'forward'].kernels.add(match[1]);
  }
  const head = body.search(/[({=]/);
  for (const match of body.matchAll(/(?<![.\w])(\w+)(?=\()/g)) {
    if (match.index > head) calls[inside(match.index) ? 'backward' : 'forward'].uses.add(match[1]);
  }
  return calls;
}

/** Kernels of one direction, those of the functions it calls included; a composite's backward is its parts'. */
function kernelsOf(functions, name, direction, seen = new Set()) {
  const own = functions.get(name);
  if (!own || seen.has(name)) return [];
  seen.add(name);
  const found = [...own[direction].kernels];
  for (const used of own.forward.uses) found.push(...kernelsOf(functions, used, direction, seen));
  if (direction === 'backward') {
    for (const used of own.backward.uses) {
      const helper = functions.get(used);
      if (helper) found.push(...helper.forward.kernels, ...helper.backward.kernels);
    }
  }
  return [...new Set(found)].filter((kernel) => !kernel.endsWith('WorkspaceBytes'));
}

/** Exported functions of the op index, in its order. */
function exportedOps() {
  const names = [];
  for (const [, inner] of read(`${OPS}/index.ts`).matchAll(/export \{([^}]+)\}/g)) {
    for (const name of inner.split(',').map((part) => part.trim())) {
      if (name && !name.startsWith('type ')) names.push(name);
    }
  }
  return names;
}

/** name to file, for the exported functions and constants of a folder. */
function exportsOf(folder) {
  const found = new Map();
  for (const file of list(folder, '.ts')) {
    for (const [, name] of read(`${folder}/${file}`).matchAll(/^export (?:function|const) (\w+)/gm)) {
      if (!found.has(name)) found.set(name, file);
    }
  }
  return found;
}

/** Keys of an object literal at the top level of a test, with the text behind each. */
function entriesOf(text, constant) {
  const start = text.search(new RegExp(`^const ${constant}\\b`, 'm'));
  if (start < 0) throw new Error(`op-table: no ${constant} to read`);
  const body = text.slice(start, text.indexOf('\n};\n', start));
  return new Map(
    [...body.matchAll(/^ {2}(\w+)(?:: (.*))?,?$/gm)].map(([, key, value]) => [key, value ?? '']),
  );
}

const CONSTANTS = ['ones', 'zeros'];

/** What docs/op-kernels.md shows. */
function readTable() {
  const functions = readOps();
  const kernelFiles = exportsOf('assembly');
  const referenceFiles = exportsOf('src/reference');
  // A test of its own proves that references and exported kernels are the same names.
  const known = new Set([...kernelFiles.keys()].filter((name) => referenceFiles.has(name)));
  const tests = list('test/kernels', '.test.ts')
    .filter((file) => !/^(?:op-table|compilers)\./.test(file))
    .map((file) => [file, read(`test/kernels/${file}`)]);
  const gradchecks = entriesOf(read(GRADCHECK), 'cases');
  const parities = entriesOf(read(PARITY), 'cases');
  const reasons = entriesOf(read(PARITY), 'withoutCounterpart');

  const ops = exportedOps()
    .filter((name) => !CONSTANTS.includes(name))
    .map((name) => {
      const [forward, backward] = ['forward', 'backward'].map((direction) =>
        kernelsOf(functions, name, direction),
      );
      for (const kernel of [...forward, ...backward]) {
        if (!known.has(kernel)) {
          throw new Error(`op-table: ${name} calls ${kernel}, which is no kernel with a reference`);
        }
      }
      return {
        name,
        file: functions.get(name)?.file,
        forward,
        backward,
        gradcheck: gradchecks.has(name),
        parity: parities.has(name),
        /** Why there is no parity case, or null. */
        reason: reasons.get(name)?.replace(/^(['"])(.*)\1,$/, '$2') ?? null,
      };
    });
  const kernels = [...known].sort().map((name) => ({
    name,
    file: kernelFiles.get(name),
    reference: referenceFiles.get(name),
    tests: tests.filter(([, text]) => text.includes(`'${name}'`)).map(([file]) => file),
  }));
  return { ops, kernels };
}

function renderOpTable({ ops, kernels }) {
  const code = (names) => names.map((name) => `\`${name}\``).join(' ');
  const opRows = ops.map(({ name, file, forward, backward, gradcheck, parity, reason }) => {
    const called =
      name === 'customOp'
        ? ['what its author calls', 'what its author calls']
        : [code(forward), code(backward)];
    const compared = parity ? 'yes' : reason ? `no: ${reason}` : '**no**';
    return `| \`${name}\` | \`${file}\` | ${called.join(' | ')} | ${gradcheck ? 'yes' : '**no**'} | ${compared} |`;
  });
  const kernelRows = kernels.map(({ name, file, reference, tests }) => {
    const test = code(tests) || (name.endsWith('Bytes') ? 'host only' : '**none**');
    return `| \`${name}\` | \`${file}\` | \`${reference}\` | ${test} |`;
  });

  return `<!-- Auto-generated from src/autograd/ops, assembly, src/reference and test by \`node scripts/op-table.mjs\`. Do not edit. -->
# Ops and their kernels

What each op computes: [ops.md](ops.md). An op is a function on tensors that records one node with a backward of its own (or is composed of such ops).
A kernel is a function on raw memory. Every kernel exists twice: in \`assembly/\` (float32, SIMD) and in
\`src/reference/\` (double precision, plain loops, the same signature).

## Ops

Files are in \`${OPS}/\`. Kernels of broadcasting (\`stridedGather\`, \`stridedScatterAdd\`) run only where shapes differ.
Where a gradient arrives at a tensor that has one already, the tape adds them with \`addInto\`; a copy is \`copyForward\`,
a fresh target of an adding kernel is zeroed by \`fill\`. "Gradcheck" means cases in \`${GRADCHECK}\`:
central differences in double precision through the tape, relative error below 1e-6. "Parity" means cases in
\`${PARITY}\`: outputs and gradients against PyTorch, relative error below 1e-5 in float32 and 1e-10 in
double precision.

| op | file | forward | backward | gradcheck | parity |
|---|---|---|---|---|---|
${opRows.join('\n')}

${CONSTANTS.map((name) => `\`${name}\``).join(' and ')} make constants.

## Kernels

Kernel files are in \`assembly/\`, references in \`src/reference/\`, tests in \`test/kernels/\`. A test compares the kernel
with its reference at sizes 0, 1, around the vector lane and the tile, and at primes, with guard values around the outputs.

| kernel | file | reference | test |
|---|---|---|---|
${kernelRows.join('\n')}

${opRows.length} ops, ${kernelRows.length} kernels.
`;
}

/** A comment's prose in one line: what comes before its first tag, and what it throws. */
function proseOf(comment) {
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\*? ?/, ''));
  const [prose, ...tags] = lines.join('\n').split(/^(?=@)/m);
  const thrown = tags
    .filter((tag) => tag.startsWith('@throws'))
    .map((tag) => tag.replace('@throws', 'Throws'));
  return [prose, ...thrown]
    .map((part) => part.replace(/\s+/g, ' ').trim())
    .map((part) => (/[.:]$/.test(part) ? part : `${part}.`))
    .join(' ');
}

/** How each exported op is called and what it says of itself; an op without a comment of its own is an error. */
function readSignatures() {
  return exportedOps().map((name) => {
    for (const file of list(OPS, '.ts').filter((each) => each !== 'index.ts')) {
      const source = read(`${OPS}/${file}`);
      const found = source.match(
        new RegExp(
          `/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\nexport (?:function|const) ${name}\\b(?: = )?(?=\\()`,
        ),
      );
      if (!found) continue;
      const open = (found.index ?? 0) + found[0].length;
      const parameters = argumentsOf(codeOf(source), open)
        .map(([from, to]) => source.slice(from, to).trim())
        .map((parameter) => parameter.replace(/^(\w+)\??: [\s\S]*?( = [\s\S]*)?$/, '$1$2'))
        .map((parameter) => parameter.replace(/^(\w+) = \{\}$/, '$1?'));
      return { name, call: `${name}(${parameters.join(', ')})`, says: proseOf(found[1]) };
    }
    throw new Error(`op-table: ${name} has no comment that says what it computes`);
  });
}

function renderOpList(ops) {
  const rows = ops.map(({ call, says }) => `| \`${call}\` | ${says.replaceAll('|', '\\|')} |`);
  return `<!-- Auto-generated from the comments in src/autograd/ops by \`node scripts/op-table.mjs\`. Do not edit. -->
# Ops

Functions on tensors, all of the entry \`prenorm\`. Each has a gradient, except where it says otherwise. Tensors are float32,
ids and targets \`i32\`. B is the batch, T a length, C a width, V a vocabulary; … stands for any leading axes. Elementwise
ops of two operands broadcast, as NumPy does, and take plain numbers too. An argument with \`?\` may be left out.

| call | computes |
|---|---|
${rows.join('\n')}
`;
}

const table = readTable();
const documents = { [KERNEL_TABLE]: renderOpTable(table), [OP_LIST]: renderOpList(readSignatures()) };
if (process.argv.includes('--json')) console.log(JSON.stringify(table));
else
  for (const [path, text] of Object.entries(documents)) {
    if (!process.argv.includes('--check')) writeFileSync(join(root, path), text);
    else if (!existsSync(join(root, path)) || read(path) !== text) {
      console.error(`${path} is stale: run \`node scripts/op-table.mjs\``);
      process.exitCode = 1;
    }
  }
