/** @file How the files of `dist` are written for `scripts/build.mjs`: in short lines, and with what users' bundlers read in them. */
import esbuild from 'esbuild';

/** @type {import('esbuild').TransformOptions} */
const shortNames = { minify: true, lineLimit: 400, format: 'esm', target: 'es2022', legalComments: 'inline' };
/** @type {import('esbuild').TransformOptions} */
const longNames = { ...shortNames, minify: false, minifyWhitespace: true, lineLimit: 160 };

/** In front of a call without side effects: what nothing uses of it, bundlers leave out. */
const PURE = '/* @__PURE__ */';
/** Stands for that comment where comments do not survive: an operand, so that the call stays as it is. */
const OPERAND = 'PURE__CALL + ';

/**
 * The library keeps its names, for stack traces; programs end with a message. Lines are short in both: Node prints the whole
 * line of an error that nobody catches, and users read it.
 * @param {string} text
 * @param {boolean} isProgram
 */
export async function writtenText(text, isProgram) {
  const { code } = isProgram
    ? await esbuild.transform(text, shortNames)
    : await esbuild.transform(text.replaceAll(`${PURE} `, OPERAND), longNames);
  const marked = code.replace(/\bPURE__CALL\s*\+\s*/g, PURE);
  if (!isProgram && count(marked) !== count(text)) throw new Error('a comment about a pure call is lost');
  // Where names are short, what tells users' bundlers to leave the import of a data module to the page is gone.
  return wholeAddresses(marked).replace(
    /\bimport\((\w+)\)/g,
    'import(/* @vite-ignore */ /* webpackIgnore: true */ $1)',
  );
}

/** @param {string} text */
const count = (text) => text.split(PURE).length;

/**
 * Addresses of files, of which bundlers take the text, are not divided between lines.
 * @param {string} code
 */
function wholeAddresses(code) {
  return code.replace(/"\.\.?[/\\][^"]*"/g, (address) => address.replaceAll('\\\n', ''));
}
