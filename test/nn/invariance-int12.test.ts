/** @file The cases of invariance-cases.ts in int12 arithmetic. */
import { batchInvariance } from './invariance-cases.js';

const test = await batchInvariance('int12');
test.run();
