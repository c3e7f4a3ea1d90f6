/**
 * @file Optimizers with the conventions of `torch.optim`, gradient clipping, schedules of the learning rate.
 * @module prenorm/optim
 */
export { decayGroups } from './decay-groups.js';
export { Muon, type MuonOptions } from './muon.js';
export type { MuonGroup } from './muon-groups.js';
export * from './optimizers.js';
