/** @file Where Debian's PyTorch is, if it is. */
import { execFileSync } from 'node:child_process';

export const PYTHON = '/usr/bin/python3';

/** Why it cannot be measured; undefined where it can. */
export function torchAbsent() {
  try {
    execFileSync(PYTHON, ['-c', 'import torch'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'not installed: apt-get install python3-torch libopenblas0-pthread';
  }
}
