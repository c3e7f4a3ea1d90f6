/**
 * @file The program of the Lab, the same text twice: in the page it draws, in a worker it trains a lane. No module, so
 * that a page opened from disk can start workers of it.
 */
import { LaneHost, type ToLane } from '../../src/lab/lane-host.js';
import { startPage } from './page.js';

if (typeof document === 'undefined') {
  const host = new LaneHost((message, moved = []) => postMessage(message, { transfer: moved }));
  // So that the page knows that workers start here.
  postMessage('here');
  addEventListener('message', ({ data }) => void host.receive(data as ToLane));
} else startPage();
