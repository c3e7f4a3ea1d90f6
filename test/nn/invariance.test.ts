/** @file The cases of invariance-cases.ts in strict arithmetic. */
import { batchInvariance } from './invariance-cases.js';

const test = await batchInvariance('strict');
test.run();
