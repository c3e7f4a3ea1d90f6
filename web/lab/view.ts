/** @file What parts of the page know of the whole, and what they share. */
import type { LabConfiguration } from '../../src/lab/configuration.js';
import type { Content } from './content.js';
import type { LaneLook } from './looks.js';
import type { Run } from './run.js';

export interface LabView {
  readonly lab: LabConfiguration;
  readonly run: Run | null;
  /** The layer looked at, from 0. */
  readonly layer: number;
  readonly looks: readonly LaneLook[];
  /** What a token of the task is called. */
  readonly token: string;
  /** The whole address of the configuration. */
  readonly link: string;
  readonly content: Content | null;
  /** What a reload would bring back; null before anything was kept. */
  readonly kept: string | null;
  /** Takes another configuration, and begins it anew. */
  change(lab: LabConfiguration, content?: Content | null): void;
  /** Marks a layer in every lane. */
  mark(layer: number): void;
}

export function time(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`unreachable: index.html has #${id}`);
  return found;
}
