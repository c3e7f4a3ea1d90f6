/**
 * @file A configuration as the part of a link behind `#`: `1` and what differs from the first screen, e.g.
 * `1&l=8&lane=p.post&lane=p.post,w.100`. The number is the version of the format. Settings of all lanes stand for
 * themselves, those of one lane in its `lane`, each as key.value with the short keys of settings.ts. What is too long
 * or too much is refused by its length, before it is taken apart.
 */
import { FormatError } from '../errors.js';
import {
  checkLab,
  differing,
  firstLab,
  type LabConfiguration,
  type LaneConfiguration,
  type LockName,
  lockNames,
  MOST_LANES,
  MOST_NAME,
} from './configuration.js';
import {
  defaultSettings,
  type LaneSettings,
  parseSetting,
  printSetting,
  type SettingKey,
  settingKeys,
  settings,
  type TaskName,
  tasks,
  wanted,
} from './settings.js';

export const LINK_VERSION = 1;
/** Characters behind `#`: six lanes with long names in which nothing is shared have fewer. */
const MOST_CHARACTERS = 4000;

const byShort = new Map(settingKeys.map((key) => [settings[key].short, key]));

/** The configuration as text behind `#`. */
export function encodeLab(lab: LabConfiguration): string {
  const first = firstLab();
  const parts = [String(LINK_VERSION)];
  if (lab.task !== first.task) parts.push(`task=${lab.task}`);
  if (lab.steps !== first.steps) parts.push(`n=${lab.steps}`);
  const different = differing(lab.lanes);
  for (const key of settingKeys) {
    if (different.includes(key) || lab.lanes[0][key] === defaultSettings[key]) continue;
    parts.push(`${settings[key].short}=${printSetting(lab.lanes[0][key])}`);
  }
  const lanes = lab.lanes.map((lane) => encodeLane(lane, different));
  const usual = first.lanes.map((lane) => encodeLane(lane, differing(first.lanes)));
  // Without a lane they are those of the first screen.
  if (lanes.join('&') !== usual.join('&')) parts.push(...lanes.map((lane) => `lane=${lane}`));
  if (lab.content) parts.push(`own=${lab.content.sha256}.${lab.content.bytes}`);
  if (lab.locked.length > 0) parts.push(`lock=${lab.locked.join(',')}`);
  return parts.join('&');
}

function encodeLane(lane: LaneConfiguration, different: readonly SettingKey[]): string {
  const parts = different
    .filter((key) => lane[key] !== defaultSettings[key])
    .map((key) => `${settings[key].short}.${printSetting(lane[key])}`);
  if (lane.name) parts.push(`name.${encodeURIComponent(lane.name).replace(/[.,!'()*]/g, percent)}`);
  return parts.join(',');
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16)}`;
}

/**
 * The configuration of a link: the whole address, or what stands behind `#`. Nothing is the first screen.
 * @throws FormatError that says what the link has and what it may have; ConfigError for parts that do not fit together
 */
export function decodeLab(link: string): LabConfiguration {
  // An address without a hash asks for nothing; its length is not looked at further.
  const hash = /^https?:|^file:/i.test(link) && !link.includes('#') ? '' : link.slice(link.indexOf('#') + 1);
  if (hash.length > MOST_CHARACTERS)
    refuse(`has ${hash.length} characters`, `at most ${MOST_CHARACTERS}`, hash.length);
  if (hash === '') return firstLab();
  const [version, ...parts] = hash.split('&');
  if (version !== String(LINK_VERSION)) refuseVersion(version);
  const shared: Partial<LaneSettings> = {};
  const lanes: Partial<LaneConfiguration>[] = [];
  const lab: { -readonly [K in keyof LabConfiguration]: LabConfiguration[K] } = firstLab();
  const seen = new Set<string>();
  for (const part of parts) {
    const [key, value = ''] = cut(part, '=');
    if (key === 'lane') {
      if (lanes.length === MOST_LANES) refuse('has more lanes', `at most ${MOST_LANES}`, MOST_LANES + 1);
      lanes.push(decodeLane(value, lanes.length + 1));
      continue;
    }
    if (seen.has(key)) refuse(`says "${clipped(key)}" twice`, 'each once', key);
    seen.add(key);
    const setting = byShort.get(key);
    if (setting) put(shared, setting, value, 'all lanes');
    else if (key === 'task') lab.task = task(value);
    else if (key === 'n') lab.steps = steps(value);
    else if (key === 'own') lab.content = content(value);
    else if (key === 'lock') lab.locked = value.split(',').map(lock);
    else refuse(`has "${clipped(key)}"`, `only ${known().join(', ')}`, key);
  }
  const own =
    lanes.length > 0 ? lanes : firstLab().lanes.map(({ placement, warmup }) => ({ placement, warmup }));
  // What the link says of all lanes goes before what the lanes of the first screen differ in.
  const base = { ...defaultSettings, name: '' };
  lab.lanes = own.map((lane) =>
    lanes.length > 0 ? { ...base, ...shared, ...lane } : { ...base, ...lane, ...shared },
  );
  return checkLab(lab);
}

function decodeLane(text: string, number: number): Partial<LaneConfiguration> {
  const lane: Partial<LaneConfiguration> = {};
  for (const part of text === '' ? [] : text.split(',')) {
    const [key, value = ''] = cut(part, '.');
    const setting = byShort.get(key);
    if (setting) {
      if (lane[setting] !== undefined) refuse(`says "${key}" of lane ${number} twice`, 'each once', key);
      put(lane, setting, value, `lane ${number}`);
    } else if (key === 'name') lane.name = name(value, number);
    else refuse(`has "${clipped(key)}" in lane ${number}`, `only name, ${known().join(', ')}`, key);
  }
  return lane;
}

function put(into: Partial<LaneSettings>, key: SettingKey, text: string, where: string): void {
  const value = parseSetting(key, text);
  if (value === undefined) {
    const label = settings[key].label.toLowerCase();
    refuse(`says "${clipped(text)}" for the ${label} of ${where}`, `${wanted(key)} there`, text);
  }
  Object.assign(into, { [key]: value });
}

function name(text: string, number: number): string {
  let found = '';
  try {
    found = decodeURIComponent(text);
  } catch {
    refuse(`has a name of lane ${number} that is no text`, 'a name in the encoding of links', text);
  }
  if (found.length > MOST_NAME) refuse(`has a long name of lane ${number}`, `${MOST_NAME} characters`, found);
  return found;
}

function task(text: string): TaskName {
  if (Object.hasOwn(tasks, text)) return text as TaskName;
  return refuse(`asks for the task "${clipped(text)}"`, `one of ${Object.keys(tasks).join(', ')}`, text);
}

function steps(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  return refuse(`asks for "${clipped(text)}" steps`, 'a whole number', text);
}

function content(text: string): { sha256: string; bytes: number } {
  const match = /^([0-9a-f]{64})\.(\d{1,9})$/.exec(text);
  if (match) return { sha256: match[1], bytes: Number(match[2]) };
  return refuse('names its text wrongly', 'its SHA-256 and its bytes', text);
}

function lock(text: string): LockName {
  if ((lockNames as readonly string[]).includes(text)) return text as LockName;
  return refuse(`locks "${clipped(text)}"`, `only ${lockNames.join(', ')}`, text);
}

function known(): string[] {
  return ['task', 'n', 'own', 'lock', ...byShort.keys()];
}

function cut(text: string, at: string): [string, string?] {
  const place = text.indexOf(at);
  return place < 0 ? [text] : [text.slice(0, place), text.slice(place + 1)];
}

function clipped(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function refuseVersion(version: string): never {
  const number = /^\d{1,4}$/.test(version) ? Number(version) : 0;
  if (number > LINK_VERSION) {
    throw new FormatError(`the link is of version ${number}, this Lab reads ${LINK_VERSION}`, {
      op: 'lab',
      expected: LINK_VERSION,
      actual: number,
      hint: 'open it with a newer prenorm',
    });
  }
  return refuse(`begins with "${clipped(version)}"`, `#${LINK_VERSION} at its beginning`, version);
}

function refuse(what: string, expected: string, actual: unknown): never {
  throw new FormatError(`the link ${what}; it may have ${expected}`, {
    op: 'lab',
    expected,
    actual: typeof actual === 'string' ? clipped(actual) : actual,
    hint: 'open the Lab without it, or ask for the link again',
  });
}
