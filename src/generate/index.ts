/**
 * @file Greedy search, beam search and sampling with a key/value cache.
 * @module prenorm/generate
 */
export {
  type BeamOptions,
  beamSearch,
  greedy,
  type Hypothesis,
  type SampleOptions,
  type SearchOptions,
  sample,
} from './search.js';
export { lmStepper, type Stepper, translationStepper } from './stepper.js';
