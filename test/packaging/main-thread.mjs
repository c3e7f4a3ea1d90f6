/** @file Trains in a worker thread, inside.mjs, whose output is the process's. */
import { Worker } from 'node:worker_threads';

new Worker(new URL('./inside.mjs', import.meta.url));
