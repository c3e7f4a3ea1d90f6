/** Links of the Lab: short, read back whole, and refused by what they ask before anything is built. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  firstLab,
  type LabConfiguration,
  type LaneConfiguration,
  laneName,
  lockNames,
} from '../../src/lab/configuration.js';
import { decodeLab, encodeLab } from '../../src/lab/link.js';
import { defaultSettings, type SettingKey, settingKeys, settings } from '../../src/lab/settings.js';

const test = suite('lab: links');

test('the first screen is the shortest link, and no link at all', () => {
  assert.is(encodeLab(firstLab()), '1');
  for (const link of [
    '',
    '#',
    '1',
    '#1',
    'https://example.org/lab',
    'https://example.org/lab#1',
    'file:///lab.html',
  ])
    assert.equal(decodeLab(link), firstLab(), link);
});

test('what all lanes share is said once, what they do not is said of each', () => {
  const lab = decodeLab('1&l=8&lane=p.post&lane=p.post,w.100');
  assert.equal(
    lab.lanes.map(({ layers, placement, warmup }) => [layers, placement, warmup]),
    [
      [8, 'post', 0],
      [8, 'post', 100],
    ],
  );
  assert.is(encodeLab(lab), '1&p=post&l=8&lane=&lane=w.100');
  assert.equal(decodeLab(encodeLab(lab)), lab);
  assert.is(encodeLab(decodeLab('1&l=8')), '1&l=8');
});

const value = (key: SettingKey) => {
  const setting = settings[key];
  if (setting.kind === 'choice') return fc.constantFrom(...Object.keys(setting.choices));
  if (key === 'width') return fc.integer({ min: 1, max: 32 }).map((n) => 16 * n);
  if (key === 'heads') return fc.constantFrom(1, 2, 4, 8, 16);
  if (setting.kind === 'integer') return fc.integer({ min: setting.least, max: setting.most });
  return fc.constantFrom(1e-7, 3e-4, 0.003, 0.1, 1, 100);
};
const plain = { noNullPrototype: true };
const lane = fc.record(
  {
    ...Object.fromEntries(settingKeys.map((key) => [key, value(key)])),
    name: fc.string({ maxLength: 20, unit: 'grapheme' }).filter((name) => name.length <= 40),
  },
  plain,
) as unknown as fc.Arbitrary<LaneConfiguration>;
const anyLab = fc.record(
  {
    task: fc.constantFrom('chars', 'translate', 'reverse', 'text', 'pairs'),
    steps: fc.integer({ min: 1, max: 10_000 }),
    lanes: fc.array(lane, { minLength: 1, maxLength: 6 }),
    locked: fc.uniqueArray(fc.constantFrom(...lockNames), { maxLength: 3 }),
  },
  plain,
);

test('any configuration comes back as it was, in fewer characters than are read', () => {
  fc.assert(
    fc.property(anyLab, (made) => {
      const own = made.task === 'text' || made.task === 'pairs';
      const content = own ? { sha256: '0123456789abcdef'.repeat(4), bytes: 12345 } : null;
      const lab = { ...made, content } as LabConfiguration;
      const link = encodeLab(lab);
      assert.ok(link.length < 4000);
      assert.equal(decodeLab(`https://example.org/lab.html#${link}`), lab);
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('hostile links are refused at once, with what they may have', () => {
  const hostile: [link: string, says: RegExp][] = [
    ['1&d=1000000', /"1000000" for the width of all lanes.*from 8 to 512/],
    ['1&l=1e9', /"1e9" for the layers/],
    [`1${'&lane='.repeat(1000)}`, /4000|more lanes/],
    [`1${'&lane=p.post'.repeat(7)}`, /has more lanes.*at most 6/],
    [`1&lane=${'x'.repeat(1_000_000)}`, /has 1000007 characters.*at most 4000/],
    ['1&n=99999', /steps must be a whole number from 1 to 10000/],
    ['1&n=0', /steps must be/],
    ['1&n=-5', /"-5" steps/],
    ['1&h=3', /width of lane 1 must be a multiple of its 3 heads/],
    ['1&r=NaN', /"NaN" for the largest learning rate/],
    ['1&r=0', /"0" for the largest learning rate/],
    ['1&r=1e99', /learning rate/],
    ['1&p=__proto__', /placement/],
    ['1&p=constructor', /placement/],
    ['1&task=toString', /task "toString"/],
    ['1&zz=1', /has "zz"/],
    ['1&d=64&d=64', /"d" twice/],
    ['1&lane=p.post,p.pre', /"p" of lane 1 twice/],
    ['1&lane=zz.1', /"zz" in lane 1/],
    ['1&lane=name.%E0%A4%A', /no text/],
    [`1&lane=name.${'a'.repeat(41)}`, /long name/],
    ['1&lock=everything', /locks "everything"/],
    ['1&task=text', /content must be given/],
    ['1&own=00.5', /names its text wrongly/],
    [`1&own=${'0'.repeat(64)}.5`, /content must be left out/],
    ['2', /version 2, this Lab reads 1.*newer prenorm/],
    ['0', /begins with "0"/],
    ['javascript:alert(1)', /begins with/],
    ['<script>', /begins with/],
  ];
  for (const [link, says] of hostile) {
    const begun = performance.now();
    assert.throws(
      () => decodeLab(`https://example.org/#${link}`),
      (error: Error) =>
        says.test(error.message) || assert.unreachable(`${link.slice(0, 60)}: ${error.message}`),
    );
    assert.ok(performance.now() - begun < 100, link.slice(0, 60));
  }
});

test('no link makes decoding throw anything but a typed error', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.boolean(), (text, versioned) => {
      try {
        decodeLab(versioned ? `1&${text}` : text);
      } catch (error) {
        assert.ok(['FORMAT', 'CONFIG'].includes((error as { code: string }).code), String(error));
      }
    }),
    { numRuns: 2000, seed: 2 },
  );
});

test('lanes are called by what they do not share', () => {
  assert.equal(
    firstLab().lanes.map((_, at) => laneName(firstLab(), at)),
    ['Post-LN, no warm-up', 'Post-LN, warm-up 100', 'Pre-LN, no warm-up', 'Pre-LN, warm-up 100'],
  );
  const lanes = [
    { ...defaultSettings, name: '' },
    { ...defaultSettings, name: 'mine', seed: 2 },
  ];
  assert.equal([laneName({ lanes }, 0), laneName({ lanes }, 1)], ['Pre-LN, seed 1', 'mine']);
});

test.run();
