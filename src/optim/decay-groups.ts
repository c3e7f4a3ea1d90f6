/**
 * @file Weight decay for matrices only. What a norm, a bias or an embedding is worth does not lie in its size: GPT-2 and
 * BERT decay the matrices of their linear layers and spare the rest.
 */
import type { Parameter } from '../autograd/variable.js';
import { checkValue, positive } from '../checks.js';
import { ConfigError } from '../errors.js';
import type { ParamGroup } from './optimizer.js';

/** Whether it is the matrix of a linear layer; a table of embeddings is none, tied as output projection or not. */
const isMatrix = ({ role }: Parameter): boolean => role === 'weight' || role === 'inProj';

/**
 * Groups for an optimizer: the matrices of linear layers decay by `weightDecay`, and norms, biases, embeddings, positions
 * and factors by nothing. A group with a `weightDecay` of its own stays as it is; others are divided and keep their `lr`.
 *
 *     new AdamW(decayGroups(model.parameters(), 0.1), { lr: 1e-3 })
 *
 * @throws ConfigError when nothing would decay: `weightDecay` is 0, or what is trainable has no matrix
 */
export function decayGroups(
  params: Iterable<Parameter> | readonly ParamGroup[],
  weightDecay: number,
): ParamGroup[] {
  checkValue('decayGroups', 'weightDecay', weightDecay, positive);
  const given = [...params];
  const isGroups = given.length > 0 && 'params' in given[0];
  const groups = isGroups ? (given as ParamGroup[]) : [{ params: given as Parameter[] }];
  const divided = groups.flatMap((group): ParamGroup[] => {
    if (group.weightDecay !== undefined) return [group];
    const all = [...group.params];
    return [
      { ...group, params: all.filter(isMatrix), weightDecay },
      { ...group, params: all.filter((p) => !isMatrix(p)), weightDecay: 0 },
    ].filter(({ params }) => params.length > 0);
  });
  const decays = divided.some(
    (group) => !groups.includes(group) && group.weightDecay && [...group.params].some((p) => p.requiresGrad),
  );
  if (decays) return divided;
  throw new ConfigError('there is no trainable matrix of a linear layer, so nothing would decay', {
    op: 'decayGroups',
    expected: "parameters with the role 'weight' or 'inProj'",
    hint: 'leave decay out, or train more of the model',
  });
}
