/** @file The cases of invariance-cases.ts in strict arithmetic. */
import { decodingInvariance } from './invariance-cases.js';

const test = await decodingInvariance('strict');
test.run();
