/** @file The cases of invariance-cases.ts in int12 arithmetic. */
import { decodingInvariance } from './invariance-cases.js';

const test = await decodingInvariance('int12');
test.run();
