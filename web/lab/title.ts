/** @file What a configuration is about, as the title of the page. */
import { differing, firstLab, type LabConfiguration } from '../../src/lab/configuration.js';
import { encodeLab } from '../../src/lab/link.js';
import { settings, tasks } from '../../src/lab/settings.js';

export function titleOf(lab: LabConfiguration): string {
  const first = firstLab();
  const lanesOf = ({ lanes }: LabConfiguration) => encodeLab({ ...first, lanes });
  if (lanesOf(lab) === lanesOf(first)) return 'Post-LN and Pre-LN, with and without warm-up';
  const different = differing(lab.lanes);
  if (different.length === 0)
    return `${settings.placement.says(lab.lanes[0].placement as never)}: ${tasks[lab.task].label}`;
  if (different[0] === 'placement') {
    const names = [...new Set(lab.lanes.map(({ placement }) => settings.placement.says(placement as never)))];
    const rest =
      different.length > 1
        ? `, by ${different
            .slice(1)
            .map((key) => settings[key].label.toLowerCase())
            .join(' and ')}`
        : '';
    return `${listed(names)}${rest}`;
  }
  const [{ placement }] = lab.lanes;
  return `${settings.placement.says(placement as never)}, by ${listed(different.map((key) => settings[key].label.toLowerCase()))}`;
}

function listed(names: readonly string[]): string {
  if (names.length < 2) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
