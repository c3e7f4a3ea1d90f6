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
