/** @file Syntax trees: going through them, and where a node is. */

/** Where a declaration is: the same wherever a type is taken from. */
export const placeOf = (node) => `${node.getSourceFile().fileName}:${node.pos}`;

/** Calls `visit` with a node and all nodes below it. */
export function walk(node, visit) {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}
