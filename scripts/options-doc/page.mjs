/** @file Options as a page: tables by entry, and what is the same twice told once. */

/** Tables that share this many options or more are told as a difference, unless they lack many of them. */
const SHARED = 5;
const LACKING = 3;
/** What a rule says that the type says too. */
const SAID_BY_TYPE =
  /^(?:true or false|a string|a function|a number|an? (?:AbortSignal|object|shape|tensor|address)|anything)$/;

/** The page from functions as `optionTakers` gives them, their options with `rule` and `fallback` (the default). */
export function page(takers, order) {
  const sections = order.flatMap((entry) => {
    const groups = grouped(takers.filter((taker) => taker.entry === entry));
    return groups.length > 0 ? [{ entry, groups }] : [];
  });
  const anchors = anchorsOf(sections);
  const told = [];
  const body = sections.map(({ entry, groups }) =>
    [`## \`${entry}\``, ...groups.map((group) => block(group, told, anchors))].join('\n\n'),
  );
  const contents = sections.map(({ entry, groups }) => {
    const links = groups.flatMap((group) => group.map(({ name }) => `[\`${name}\`](#${anchors.get(group)})`));
    return `- [\`${entry}\`](#${slug(`\`${entry}\``)}): ${links.join(', ')}`;
  });
  return { contents: contents.join('\n'), body: linked(body.join('\n\n')) };
}

/** Other documents are named by their path in comments; here they are links. */
const linked = (text) => text.replace(/\bdocs\/([\w-]+\.md)/g, '[$1]($1)');

/** Functions of an entry by name; those with the same options are together where the first stands. */
function grouped(takers) {
  const groups = new Map();
  const byName = [...takers].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const taker of byName) {
    const key = JSON.stringify(taker.options.map(({ name, optional, places }) => [name, optional, places]));
    groups.set(key, [...(groups.get(key) ?? []), taker]);
  }
  return [...groups.values()];
}

/** GitHub's anchor of a heading. */
const slug = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const headingOf = (group) => group.map(({ name }) => `\`${name}\``).join(', ');

/** Anchors of the groups; of equal headings the later ones get a number. */
function anchorsOf(sections) {
  const seen = new Map();
  const take = (heading) => {
    const base = slug(heading);
    const times = seen.get(base) ?? 0;
    seen.set(base, times + 1);
    return times === 0 ? base : `${base}-${times}`;
  };
  const anchors = new Map();
  for (const { entry, groups } of sections) {
    take(`\`${entry}\``);
    for (const group of groups) anchors.set(group, take(headingOf(group)));
  }
  return anchors;
}

function block(group, told, anchors) {
  const calls = group.map(({ name, isNew, parameters, says, entries }) => {
    // `prenorm/external` has all that `prenorm` has; the page says so once.
    const also = entries
      .slice(1)
      .filter((entry) => entry !== 'prenorm/external')
      .map((entry) => `\`${entry}\``);
    const elsewhere = also.length > 0 ? ` Also in ${listed(also.map(code))}.` : '';
    return `\`${isNew ? 'new ' : ''}${name}(${parameters.join(', ')})\`: ${firstSentence(says)}${elsewhere}`;
  });
  const list = calls.length === 1 ? calls[0] : calls.map((call) => `- ${call}`).join('\n');
  return [`### ${headingOf(group)}`, list, optionsText(group, told, anchors)].join('\n\n');
}

/** The table, or how it differs from one that stands above. */
function optionsText(group, told, anchors) {
  const { options } = group[0];
  const same = mostAlike(options, told);
  if (!same) {
    told.push(group);
    return table(options);
  }
  const other = same.group[0].options;
  const link = `[\`${same.group[0].name}\`](#${anchors.get(same.group)})`;
  const lacks = same.lacks.map(({ name }) => `\`${name}\``);
  const but = lacks.length > 0 ? ` but ${listed(lacks)}` : '';
  const complete = options.every(({ optional }) => !optional) && other.some(({ optional }) => optional);
  const all = complete ? ', none left out' : '';
  if (same.own.length === 0) return `Options: those of ${link}${but}${all}.`;
  return `Options: those of ${link}${but}${all}, and:\n\n${table(same.own)}`;
}

const listed = (words) =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;

function mostAlike(options, told) {
  const keyOf = ({ name, places }) => `${name} ${places[0]}`;
  const keys = new Set(options.map(keyOf));
  const alike = told.map((group) => {
    const other = new Set(group[0].options.map(keyOf));
    return {
      group,
      own: options.filter((option) => !other.has(keyOf(option))),
      lacks: group[0].options.filter((option) => !keys.has(keyOf(option))),
    };
  });
  return alike
    .filter(({ own, lacks }) => options.length - own.length >= SHARED && lacks.length <= LACKING)
    .sort((a, b) => a.own.length + a.lacks.length - b.own.length - b.lacks.length)[0];
}

function table(options) {
  const rows = requiredFirst(options).map(
    ({ name, type, optional, alternative = false, fallback, rule, text }) => {
      const range = rangeOf(rule, type);
      return [
        `\`${name}\``,
        code(type),
        optional ? (fallback ?? 'none') : alternative ? 'one of these' : 'required',
        range,
        text,
      ];
    },
  );
  const isRanged = rows.some(([, , , range]) => range !== '');
  const columns = isRanged ? ['option', 'type', 'default', 'range', ''] : ['option', 'type', 'default', ''];
  const shown = isRanged ? rows : rows.map(([name, type, fallback, , text]) => [name, type, fallback, text]);
  const line = (cells) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`.replaceAll('|  |', '| |');
  return [line(columns), `|${'---|'.repeat(columns.length)}`, ...shown.map(line)].join('\n');
}

/** What must be given before what can be left out; the keys of an option stay with it. */
function requiredFirst(options) {
  const isOptional = ({ name }) => options.find((own) => own.name === name.split('.')[0])?.optional ?? false;
  return [...options.filter((option) => !isOptional(option)), ...options.filter(isOptional)];
}

const code = (text) => (text.includes('`') ? text : `\`${text}\``);

/** What the rule says beyond the type. */
function rangeOf(rule = '', type) {
  if (SAID_BY_TYPE.test(rule)) return '';
  const values = rule.replace(/^one of /, '').split(/, | or /);
  const isSaid = (value) => type.includes(`'${value}'`) || /^(?:true|false)$/.test(value);
  return values.every(isSaid) ? '' : rule.replace(/^an? /, '');
}

/** Of a comment, e.g. not the whole of "Adam (Kingma et al. 2015). Needs …". */
export function firstSentence(text) {
  const end = text.search(/(?<!\b(?:e\.g|i\.e|al|sec|eq))[.](?=\s+[A-Z`(]|$)/);
  return end < 0 ? text : text.slice(0, end + 1);
}
