/**
 * @file The defaults that the code has, for options whose default is a literal: `const { seed = 0 } = options`,
 * `options.seed ?? 0`, and tables of defaults (`{ … } satisfies Partial<Options>`). What the comments say is held
 * against them.
 */
import { join } from 'node:path';
import { SyntaxKind } from 'typescript/unstable/ast';
import { placeOf, walk } from './tree.mjs';

/** Literal defaults by the places of the options' declarations: `Map<place, Set<string>>`. */
export function defaultsOf(root, { checker, program }) {
  const found = new Map();
  for (const file of program.getSourceFileNames()) {
    if (file.startsWith(join(root, 'src')) && !file.includes('/generated/'))
      walk(program.getSourceFile(file), visit);
  }
  return found;

  function visit(node) {
    if (node.kind === SyntaxKind.ObjectBindingPattern) {
      const elements = node.elements.filter(({ initializer }) => literal(initializer) !== undefined);
      if (elements.length === 0) return;
      const type = checker.getTypeAtLocation(node.parent.initializer ?? node.parent);
      for (const { propertyName, name, initializer } of elements)
        note(type, (propertyName ?? name).text, literal(initializer));
    } else if (node.kind === SyntaxKind.BinaryExpression && node.operatorToken.getText() === '??') {
      const { left, right } = node;
      if (left.kind !== SyntaxKind.PropertyAccessExpression || literal(right) === undefined) return;
      note(checker.getTypeAtLocation(left.expression), left.name.text, literal(right));
    } else if (node.kind === SyntaxKind.SatisfiesExpression && node.type.typeName?.getText() === 'Partial') {
      const table =
        node.expression.kind === SyntaxKind.AsExpression ? node.expression.expression : node.expression;
      const type = checker.getTypeFromTypeNode(node.type.typeArguments[0]);
      for (const { name, initializer } of table.properties) note(type, name.text, literal(initializer));
    }
  }

  function note(type, key, value) {
    if (!type || value === undefined) return;
    const property = checker.getPropertyOfType(checker.getNonNullableType(type), key);
    for (const handle of property?.declarations ?? []) {
      const place = placeOf(handle.resolve());
      found.set(place, (found.get(place) ?? new Set()).add(value));
    }
  }
}

/** The text of a number, string, true or false; undefined for everything else. */
function literal(node) {
  switch (node?.kind) {
    case SyntaxKind.StringLiteral:
      return node.text;
    case SyntaxKind.NumericLiteral:
    case SyntaxKind.TrueKeyword:
    case SyntaxKind.FalseKeyword:
      return node.getText();
  }
}
