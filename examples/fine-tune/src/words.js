/** What was opened and what is trained, in words. */

const KINDS = {
  causalLM: 'It writes texts on: give it a text, or a table to make it sort texts.',
  maskedLM: 'It fills gaps in texts: give it a table, and it learns to sort texts.',
  textClassifier: 'It sorts texts: give it a table of texts and labels.',
};

/** Why a model cannot be tuned here; null when it can. */
export function refusal({ kind, hasTokenizer }) {
  if (!(kind in KINDS))
    return kind === 'visionTransformer'
      ? 'This model looks at pictures. Here models of texts can be tuned; pictures can with prenorm finetune.'
      : 'This model translates. Here models that write or sort texts can be tuned.';
  if (!hasTokenizer)
    return 'This model has no tokenizer beside it, so it cannot read a text. Choose the files of the tokenizer too (tokenizer.json, or vocab.txt).';
  return null;
}

const number = (count) => count.toLocaleString('en');

export function describeBase({ name, family, kind, parameters }) {
  return `${name}: ${family ? `${family}, ` : ''}${number(parameters)} numbers. ${KINDS[kind]}`;
}

/** How much of it is trained, and the memory that takes. */
export function describeRun({ task, trained, parameters, bytes }) {
  const goal = task === 'classify' ? 'It learns to sort texts by your table.' : 'It learns your text.';
  const share = trained === parameters ? 'All' : `${number(trained)} of`;
  return `${goal} ${share} ${number(parameters)} numbers are trained, in ${(bytes / 1e6).toFixed(0)} MB of memory.`;
}
