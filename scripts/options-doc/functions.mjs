/**
 * @file Every public function, constructor and method that takes an object of options, with these options as the
 * declarations and their comments have them. Read with the compiler's own interface; nothing is executed.
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SyntaxKind } from 'typescript/unstable/ast';
import { SignatureKind, SymbolFlags } from 'typescript/unstable/sync';
import { placeOf } from './tree.mjs';

/** What a parameter that holds options is called, or its type. */
const PARAMETER = /^(?:options|config|parts|given|facts|surroundings|op)$/;
const TYPE = /(?:Options|Config|Parts|Surroundings)\b/;
/** Unions of more literals than this are shown by their name. */
const MOST_LITERALS = 6;
/** An option that is an object of options is taken apart when it has no more keys than this. */
const MOST_PARTS = 8;

/** Entries as package.json has them, parts before the whole: a function is shown at the first that has it. */
export function entries(root) {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const rank = (name) => (name === 'prenorm' ? 1 : /external|inference/.test(name) ? 2 : 0);
  return Object.entries(exports)
    .filter(([, target]) => target.types)
    .map(([path, { types }]) => ({
      name: `prenorm${path.slice(1)}`,
      file: join(root, types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')),
    }))
    .sort((a, b) => rank(a.name) - rank(b.name));
}

/**
 * Functions with options in the order of their entries: `name`, the `entry` they are shown at, the names of all
 * `entries` that have them, their `parameters` as written, what their comment begins with, and `options`, of which each
 * has a `name`, a `type`, whether it is `optional`, its comment (`says`), and the place of its declaration.
 */
export function optionTakers(root, { checker, program }) {
  const found = new Map();
  for (const entry of entries(root)) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry.file));
    for (const exported of checker.getExportsOfModule(module)) {
      for (const taker of takersOf(exported)) {
        const known = found.get(taker.place);
        if (known) known.entries.push(entry.name);
        else found.set(taker.place, { ...taker, entry: entry.name, entries: [entry.name] });
      }
    }
  }
  return [...found.values()];

  /** A function; or of a class its constructor and its own public methods. */
  function takersOf(exported) {
    const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (!(symbol.flags & (SymbolFlags.Function | SymbolFlags.Class | SymbolFlags.Variable))) return [];
    const { name } = exported;
    const type = checker.getTypeOfSymbol(symbol);
    const calls = checker
      .getSignaturesOfType(type, SignatureKind.Call)
      .map((signature) => ({ name, signature, symbol }));
    if (!(symbol.flags & SymbolFlags.Class)) return calls.flatMap(taker).slice(0, 1);
    const made = checker.getSignaturesOfType(type, SignatureKind.Construct);
    const methods = [type, checker.getDeclaredTypeOfSymbol(symbol)].flatMap((side) =>
      checker.getPropertiesOfType(side).filter(({ flags }) => flags & SymbolFlags.Method),
    );
    return [
      ...made
        .map((signature) => ({ name, signature, symbol, isNew: true }))
        .flatMap(taker)
        .slice(0, 1),
      ...methods.flatMap((method) =>
        checker
          .getSignaturesOfType(checker.getTypeOfSymbol(method), SignatureKind.Call)
          .filter(({ declaration }) => declaration.resolve().parent.name?.text === symbol.name)
          .map((signature) => ({ name: `${name}.${method.name}`, signature, symbol: method }))
          .flatMap(taker)
          .slice(0, 1),
      ),
    ];
  }

  /** What a signature takes, in a list; nothing when it has no options, or is not for users. */
  function taker({ name, signature, symbol, isNew = false }) {
    const declaration = signature.declaration?.resolve();
    if (!declaration || name.includes('#') || hasTag(symbol, 'internal')) return [];
    const parameters = signature.getParameters();
    const parameter = parameters.find(isOptions);
    if (!parameter) return [];
    const { says } = documented(symbol);
    return [
      {
        name,
        isNew,
        parameters: declaration.parameters.map(({ name }) => nameOf(name)),
        parameter: parameter.name,
        says,
        place: `${placeOf(declaration)} ${name}`,
        options: optionsOf(checker.getTypeOfSymbol(parameter)),
      },
    ];
  }

  /** Of `{ data, tokenizer: recipe = … }` the keys. */
  function nameOf(name) {
    if (name.kind === SyntaxKind.Identifier) return name.text;
    const keys = name.elements.map(({ propertyName, name: taken }) => (propertyName ?? taken).text);
    return `{ ${keys.join(', ')} }`;
  }

  function isOptions(parameter) {
    const type = checker.getNonNullableType(checker.getTypeOfSymbol(parameter));
    if (!PARAMETER.test(parameter.name) && !TYPE.test(checker.typeToString(type))) return false;
    return isPlain(type) && checker.getPropertiesOfType(type).length > 0;
  }

  /** An object of values: no list, no class, nothing to call. */
  function isPlain(type) {
    if (type.isUnionType()) return type.getTypes().every(isPlain);
    if (type.isIntersectionType()) return type.getTypes().every(isPlain);
    if (!type.isObjectType() || checker.isArrayLikeType(type)) return false;
    if (checker.getIndexInfosOfType(type).length > 0) return false;
    if (checker.getSignaturesOfType(type, SignatureKind.Call).length > 0) return false;
    return checker
      .getPropertiesOfType(type)
      .every(
        ({ flags, declarations }) => !(flags & SymbolFlags.Method) && isOurs(declarations[0]?.resolve()),
      );
  }

  function isOurs(node) {
    return node?.getSourceFile().fileName.startsWith(join(root, 'src')) ?? false;
  }

  function optionsOf(given, prefix = '') {
    const type = checker.getNonNullableType(given);
    // Of alternatives only what tells them apart: their other keys are those of what it names.
    if (type.isUnionType()) {
      const kinds = checker.getPropertiesOfType(type).filter((key) => {
        const values = checker.getTypeOfSymbol(key);
        return values.isUnionType() && values.getTypes().every((value) => value.isStringLiteralType());
      });
      if (kinds.length > 0) return prefix ? [] : kinds.map((key) => option(key, prefix));
      const keys = type.getTypes().flatMap((one) => checker.getPropertiesOfType(one));
      return keys.map((key) => ({ ...option(key, prefix), alternative: true }));
    }
    const keys = checker.getPropertiesOfType(type).filter((key) => !hasTag(key, 'internal'));
    return keys.flatMap((key) => {
      const own = option(key, prefix);
      const inner = checker.getNonNullableType(checker.getTypeOfSymbol(key));
      if (prefix || key.name === 'signal' || !isPlain(inner)) return [own];
      const parts = optionsOf(inner, `${prefix}${key.name}.`);
      return parts.length > 0 && parts.length <= MOST_PARTS ? [own, ...parts] : [own];
    });
  }

  function option(key, prefix) {
    const declarations = key.declarations.map((handle) => handle.resolve());
    return {
      name: `${prefix}${key.name}`,
      type: typeText(declarations[0], checker.getTypeOfSymbol(key)),
      optional: Boolean(key.flags & SymbolFlags.Optional),
      ...documented(key),
      places: declarations.map(placeOf),
      where: lineOf(declarations[0]),
    };
  }

  function lineOf(node) {
    const { fileName, text } = node.getSourceFile();
    return `${relative(root, fileName)}:${text.slice(0, node.getStart()).split('\n').length}`;
  }

  function documented(symbol) {
    const says = checker.getDocumentationCommentOfSymbol(symbol).replace(/\s+/g, ' ').trim();
    return { says, deprecated: hasTag(symbol, 'deprecated') };
  }

  function hasTag(symbol, name) {
    return checker.getJsDocTagsOfSymbol(symbol).some((tag) => tag.name === name);
  }

  /** The type as the declaration writes it; a name that stands for a few literals is replaced by them. */
  function typeText(declaration, type) {
    const written = declaration.type;
    const given = checker.getNonNullableType(type);
    const bare = given.isTypeParameter() ? checker.getBaseConstraintOfType(given) : given;
    const values = bare.isUnionType() ? bare.getTypes() : [bare];
    const isLiteral = values.every((value) => value.isLiteralType() && typeof value.value !== 'boolean');
    if (isLiteral && values.length <= MOST_LITERALS) {
      const alias = (values.length > 1 && bare.getAliasSymbol()?.declarations[0]?.resolve().type) || written;
      if (alias?.kind === SyntaxKind.UnionType)
        return alias.getText().replace(/\s+/g, ' ').replace(/^\| /, '');
      return values.map(({ value }) => (typeof value === 'string' ? `'${value}'` : value)).join(' | ');
    }
    if (!written) return checker.typeToString(bare);
    const text = written
      .getText()
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/\s+/g, ' ');
    return text;
  }
}
