/**
 * @file The part of this folder that `prenorm` has as `generate`: steppers and searches over them. What takes texts comes
 * from `prenorm/generate` alone, so that the library's entry stays small.
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
export { type BestTokens, lmStepper, type Stepper, translationStepper } from './stepper.js';
