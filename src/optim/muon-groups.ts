/** @file Which parameters Muon orthogonalizes: the matrices of hidden layers. Everything else is AdamW's. */
import { Parameter } from '../autograd/variable.js';
import { checkOptions, flag, iterable, notNegative, optional, type Rules } from '../checks.js';
import { ConfigError } from '../errors.js';
import type { ParamGroup } from './optimizer.js';

/** A group of parameters for `Muon`. */
export interface MuonGroup extends ParamGroup {
  /**
   * Whether Muon updates the group (true, for matrices of hidden layers only) or AdamW (false). Default: Muon updates the
   * matrices of hidden layers among them, AdamW the others.
   */
  muon?: boolean;
}

/** Groups of which Muon updates all (first) or none. */
export interface DividedGroups {
  muon: ParamGroup[];
  adam: ParamGroup[];
}

const groupRules = (): Rules<MuonGroup> => ({
  params: iterable,
  lr: optional(notNegative),
  weightDecay: optional(notNegative),
  muon: optional(flag),
});

/** Whether it is the matrix of a linear layer, and no factor of a low-rank part. */
const isMatrix = ({ role, shape, path }: Parameter): boolean =>
  (role === 'weight' || role === 'inProj') && shape.length === 2 && !/\.lora_[ab]$/.test(path);

/** Whether it lies in a numbered layer of a model. */
const isInLayer = ({ path }: Parameter): boolean => /(?:^|\.)layers\.\d+\./.test(path);

/** Of a module that nobody has told its paths, its author says what is hidden. */
function refuseUnlessHidden(params: readonly Parameter[]): void {
  for (const p of params) {
    if (isMatrix(p) && (p.path === '' || isInLayer(p))) continue;
    const what = p.path || `a parameter of shape [${p.shape}]`;
    throw new ConfigError(`${what} (${p.role}) is no matrix of a hidden layer, and Muon updates no other`, {
      op: 'Muon',
      expected: "parameters of a numbered layer, two-dimensional, with the role 'weight' or 'inProj'",
      actual: p.path,
      hint: 'leave muon out of the group, and AdamW updates what Muon does not',
    });
  }
}

/**
 * Divides groups into those of Muon and those of AdamW.
 * @throws ConfigError for an unknown key or a value out of range, for `muon: true` over anything but matrices of hidden
 *   layers, and when there is no trainable one at all
 */
export function divideForMuon(params: Iterable<Parameter> | readonly MuonGroup[]): DividedGroups {
  const given = [...params];
  const first: unknown = given[0];
  const isGroups = typeof first === 'object' && first !== null && 'params' in first;
  const groups = isGroups ? (given as MuonGroup[]) : [{ params: given as Parameter[] }];
  const divided: DividedGroups = { muon: [], adam: [] };
  for (const group of groups) {
    checkOptions<MuonGroup>('optimizer', group, groupRules());
    const { muon, ...own } = group;
    const all = [...group.params];
    if (muon) refuseUnlessHidden(all);
    const isMuon = (p: Parameter): boolean => muon ?? (p?.shape !== undefined && isMatrix(p) && isInLayer(p));
    const [hidden, rest] = [all.filter(isMuon), all.filter((p) => !isMuon(p))];
    if (hidden.length > 0) divided.muon.push({ ...own, params: hidden });
    if (rest.length > 0) divided.adam.push({ ...own, params: rest });
  }
  const isTrained = ({ params: own }: ParamGroup): boolean => [...own].some((p) => p.requiresGrad);
  const isPlain = groups.every(({ params: own }) => [...own].every((p) => p instanceof Parameter));
  // What is no parameter is refused where every optimizer refuses it.
  if (divided.muon.some(isTrained) || !isPlain) return divided;
  throw new ConfigError('there is no trainable matrix of a hidden layer, which is all that Muon updates', {
    op: 'Muon',
    expected: "a two-dimensional parameter with the role 'weight' or 'inProj' in layers.0, layers.1, …",
    hint: 'use AdamW; or, for a module without paths, say which matrices are hidden: { params, muon: true }',
  });
}
