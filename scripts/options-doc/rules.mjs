/**
 * @file What the checks of options want, in the words of their errors: the tables of rules (`Rules<O>` of src/checks.ts)
 * are read as expressions, and their calls are made with the functions of src/checks.ts itself. What is known only when
 * the program runs, such as the size of a vocabulary, stays as it is written.
 */
import { join } from 'node:path';
import { SyntaxKind } from 'typescript/unstable/ast';
import { SymbolFlags } from 'typescript/unstable/sync';
import { placeOf, walk } from './tree.mjs';

/** An expression that has no value before the program runs. */
class Written {
  constructor(text) {
    this.text = text;
  }
  /** To a reader `options.beamSize` is `beamSize`. */
  toString() {
    return this.text.replace(/\boptions\??\./, '');
  }
}

/** Words of the rule of each option by the place of its declaration; of several the first. */
export function rulesOf(root, { checker, program }, checks) {
  const wanted = new Map();
  const checksFile = join(root, 'src/checks.ts');
  for (const file of program.getSourceFileNames()) {
    if (!file.startsWith(join(root, 'src')) || file === checksFile) continue;
    const source = program.getSourceFile(file);
    if (source.text.includes('checks.js')) walk(source, visit);
  }
  return wanted;

  function visit(node) {
    if (node.kind === SyntaxKind.CallExpression && node.expression.getText() === 'checkOptions') {
      const [, options, table] = node.arguments;
      // Another function of that name has no table; one with a type of its own is read where it stands.
      if (!table || hasType(table)) return;
      const given = node.typeArguments?.[0];
      note(given ? checker.getTypeFromTypeNode(given) : checker.getTypeAtLocation(options), table);
    } else if (isRules(node.type) && (node.initializer || node.body)) {
      const table = node.initializer ?? node.body;
      note(checker.getTypeFromTypeNode(node.type.typeArguments[0]), table);
    }
  }

  function hasType(table) {
    const name = table.kind === SyntaxKind.CallExpression ? table.expression : table;
    if (name.kind !== SyntaxKind.Identifier) return false;
    const declaration = declarationOf(name);
    return isRules(declaration?.type) || isRules(declaration?.initializer?.type);
  }

  /** Gives the rules of a table to the declarations of the keys. */
  function note(type, expression) {
    const table = tableOf(expression, new Map());
    if (!type || !table) return;
    for (const key of checker.getPropertiesOfType(checker.getNonNullableType(type))) {
      const rule = table.get(key.name);
      if (!rule) continue;
      const words = valueOf(rule.expression, rule.known)?.wanted;
      if (words === undefined) continue;
      for (const handle of key.declarations) {
        const place = placeOf(handle.resolve());
        if (!wanted.has(place)) wanted.set(place, String(words));
      }
    }
  }

  /** Keys of a table with the expressions of their rules; undefined for what is no table. */
  function tableOf(expression, known) {
    switch (expression?.kind) {
      case SyntaxKind.ParenthesizedExpression:
      case SyntaxKind.AsExpression:
      case SyntaxKind.SatisfiesExpression:
        return tableOf(expression.expression, known);
      case SyntaxKind.ArrowFunction:
        return tableOf(expression.body, known);
      case SyntaxKind.CallExpression: {
        const made = functionOf(expression, known);
        return made && tableOf(made.body, made.known);
      }
      case SyntaxKind.Identifier:
        return tableOfName(expression, known);
      case SyntaxKind.ObjectLiteralExpression: {
        const table = new Map();
        for (const property of expression.properties) {
          if (property.kind === SyntaxKind.SpreadAssignment) {
            for (const [key, rule] of tableOf(property.expression, known) ?? []) table.set(key, rule);
          } else {
            const value = property.initializer ?? property.name;
            table.set(property.name.text, { expression: value, known });
          }
        }
        return table;
      }
    }
  }

  /** The table that a constant holds, or what `...rest` leaves of one. */
  function tableOfName(name, known) {
    const declaration = declarationOf(name);
    // A rule of src/checks.ts has a value of its own.
    if (declaration?.getSourceFile().fileName === checksFile) return;
    if (declaration?.kind === SyntaxKind.VariableDeclaration) return tableOf(declaration.initializer, known);
    if (declaration?.kind !== SyntaxKind.BindingElement || !declaration.dotDotDotToken) return;
    const pattern = declaration.parent;
    const rest = new Map(tableOf(pattern.parent.initializer, known) ?? []);
    for (const { propertyName, name: taken } of pattern.elements) rest.delete((propertyName ?? taken).text);
    return rest;
  }

  /** Body of the function of ours that a call calls, with the values of its parameters. */
  function functionOf(call, known) {
    const declaration = declarationOf(call.expression);
    const made = declaration?.initializer ?? declaration;
    if (!made?.parameters || !made.body) return;
    const values = call.arguments.map((argument) => valueOf(argument, known));
    const inside = new Map(
      made.parameters.flatMap(({ name }, i) =>
        name.elements
          ? name.elements.map(({ name: { text } }) => [text, values[i]?.[text]])
          : [[name.text, values[i]]],
      ),
    );
    const body = made.body.kind === SyntaxKind.Block ? made.body.statements.at(-1).expression : made.body;
    return { body, known: inside };
  }

  function valueOf(expression, known) {
    switch (expression.kind) {
      case SyntaxKind.ParenthesizedExpression:
      case SyntaxKind.AsExpression:
      case SyntaxKind.SatisfiesExpression:
        return valueOf(expression.expression, known);
      case SyntaxKind.StringLiteral:
      case SyntaxKind.NoSubstitutionTemplateLiteral:
        return expression.text;
      case SyntaxKind.NumericLiteral:
        return Number(expression.text);
      case SyntaxKind.TrueKeyword:
      case SyntaxKind.FalseKeyword:
        return expression.kind === SyntaxKind.TrueKeyword;
      case SyntaxKind.NullKeyword:
        return null;
      case SyntaxKind.TemplateExpression:
        return expression.templateSpans.reduce(
          (text, span) => `${text}${valueOf(span.expression, known)}${span.literal.text}`,
          expression.head.text,
        );
      case SyntaxKind.ArrayLiteralExpression:
        return expression.elements.flatMap((element) => spread(element, known));
      case SyntaxKind.ObjectLiteralExpression: {
        const table = tableOf(expression, known);
        const words = table.get('wanted');
        return words ? { wanted: valueOf(words.expression, words.known) } : table;
      }
      case SyntaxKind.PropertyAccessExpression: {
        const key = expression.name.text;
        const rule = tableOf(expression.expression, known)?.get(key);
        if (rule) return valueOf(rule.expression, rule.known);
        return valueOf(expression.expression, known)[key] ?? constant(expression.getText());
      }
      case SyntaxKind.PrefixUnaryExpression: {
        const value = valueOf(expression.operand, known);
        const isMinus = expression.operator === SyntaxKind.MinusToken && typeof value === 'number';
        return isMinus ? -value : new Written(expression.getText());
      }
      case SyntaxKind.BinaryExpression:
        return arithmetic(expression, known);
      case SyntaxKind.ConditionalExpression: {
        // What depends on the call is told in full.
        return valueOf(expression.whenTrue, known) || valueOf(expression.whenFalse, known);
      }
      case SyntaxKind.Identifier:
        return valueOfName(expression, known);
      case SyntaxKind.CallExpression:
        return valueOfCall(expression, known);
    }
    return new Written(expression.getText());
  }

  function constant(text) {
    if (text === 'Number.MAX_SAFE_INTEGER') return Number.MAX_SAFE_INTEGER;
    if (text === 'Number.POSITIVE_INFINITY') return Number.POSITIVE_INFINITY;
    return new Written(text);
  }

  function arithmetic({ left, operatorToken, right }, known) {
    const [a, b] = [valueOf(left, known), valueOf(right, known)];
    const sign = operatorToken.getText();
    if (sign === '??') return a;
    const results = { '+': a + b, '-': a - b, '*': a * b, '**': a ** b, '<<': a << b };
    const isKnown = typeof a === 'number' && typeof b === 'number' && sign in results;
    return isKnown ? results[sign] : new Written(`${a} ${sign} ${b}`);
  }

  function valueOfName(name, known) {
    if (known.has(name.text)) return known.get(name.text);
    const declaration = declarationOf(name);
    if (declaration?.getSourceFile().fileName === checksFile) return checks[declaration.name.text];
    if (declaration?.kind === SyntaxKind.VariableDeclaration && declaration.initializer)
      return valueOf(declaration.initializer, known);
    return new Written(name.text);
  }

  function valueOfCall(call, known) {
    const text = call.expression.getText();
    if (text === 'Object.keys') {
      const table = valueOf(call.arguments[0], known);
      return table instanceof Map ? [...table.keys()] : new Written(call.getText());
    }
    const values = call.arguments.flatMap((argument) => spread(argument, known));
    const declaration = declarationOf(call.expression);
    if (declaration?.getSourceFile().fileName === checksFile) return checks[declaration.name.text](...values);
    const made = functionOf(call, known);
    return made ? valueOf(made.body, made.known) : new Written(call.getText());
  }

  function spread(element, known) {
    if (element.kind !== SyntaxKind.SpreadElement) return [valueOf(element, known)];
    const list = valueOf(element.expression, known);
    return Array.isArray(list) ? list : [list];
  }

  /** Where a name is declared, in whatever file. */
  function declarationOf(name) {
    const { parent } = name;
    const symbol =
      parent?.kind === SyntaxKind.ShorthandPropertyAssignment
        ? checker.getShorthandAssignmentValueSymbol(parent)
        : checker.getSymbolAtLocation(name);
    if (!symbol) return;
    const real = symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return real.declarations[0]?.resolve();
  }
}

const isRules = (type) => type?.kind === SyntaxKind.TypeReference && type.typeName.getText() === 'Rules';
