/** @file The baseline of scripts/compare-classifiers.mjs: which words stand in a text, whatever their order. */

/** Words, numbers and marks; with `pairs` neighbouring ones together too. */
function featuresOf(text, pairs) {
  const words = text.match(/[\p{L}\p{N}']+|[^\s\p{L}\p{N}]/gu) ?? [];
  return pairs ? [...words, ...words.slice(1).map((word, i) => `${words[i]} ${word}`)] : words;
}

function vectorize(rows, pairs) {
  const index = new Map();
  const vectors = rows.map(({ text }) =>
    featuresOf(text, pairs).map((feature) => {
      if (!index.has(feature)) index.set(feature, index.size);
      return index.get(feature);
    }),
  );
  const vectorOf = (text) =>
    featuresOf(text, pairs).flatMap((feature) => (index.has(feature) ? [index.get(feature)] : []));
  return { vectors, vectorOf, size: index.size };
}

/** The class with the largest sum of a bias and of a weight for every feature. */
function linear(bias, weights, numClasses) {
  return (vector) => {
    let best = 0;
    let most = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < numClasses; c++) {
      const score = vector.reduce((sum, f) => sum + weights[f * numClasses + c], bias[c]);
      if (score > most) [best, most] = [c, score];
    }
    return best;
  };
}

function naiveBayes(vectors, labels, size, numClasses, smoothing) {
  const counts = new Float64Array(size * numClasses).fill(smoothing);
  const totals = new Float64Array(numClasses).fill(smoothing * size);
  const bias = new Float64Array(numClasses);
  vectors.forEach((vector, i) => {
    bias[labels[i]]++;
    for (const f of vector) {
      counts[f * numClasses + labels[i]]++;
      totals[labels[i]]++;
    }
  });
  const weights = counts.map((count, i) => Math.log(count / totals[i % numClasses]));
  return linear(
    bias.map((n) => Math.log(n / vectors.length)),
    weights,
    numClasses,
  );
}

/** Features that are there count once; AdaGrad over single texts in a fixed order that differs from pass to pass. */
function logistic(vectors, labels, size, numClasses, decay) {
  const weights = new Float64Array(size * numClasses);
  const squares = new Float64Array(size * numClasses).fill(1e-8);
  const bias = new Float64Array(numClasses);
  const biasSquares = new Float64Array(numClasses).fill(1e-8);
  const sets = vectors.map((vector) => [...new Set(vector)]);
  const rate = 0.1;
  for (let pass = 0; pass < 20; pass++) {
    for (let n = 0; n < sets.length; n++) {
      const i = (n * 7919 + pass * 104729) % sets.length;
      const scores = bias.map((b, c) => sets[i].reduce((sum, f) => sum + weights[f * numClasses + c], b));
      const top = Math.max(...scores);
      const exps = scores.map((score) => Math.exp(score - top));
      const total = exps.reduce((a, b) => a + b, 0);
      for (let c = 0; c < numClasses; c++) {
        const error = exps[c] / total - (labels[i] === c ? 1 : 0);
        biasSquares[c] += error * error;
        bias[c] -= (rate * error) / Math.sqrt(biasSquares[c]);
        for (const f of sets[i]) {
          const at = f * numClasses + c;
          const gradient = error + decay * weights[at];
          squares[at] += gradient * gradient;
          weights[at] -= (rate * gradient) / Math.sqrt(squares[at]);
        }
      }
    }
  }
  const of = linear(bias, weights, numClasses);
  return (vector) => of([...new Set(vector)]);
}

function macroF1(rows, predicted, numClasses) {
  let sum = 0;
  for (let c = 0; c < numClasses; c++) {
    const both = rows.filter(({ label }, i) => label === c && predicted[i] === c).length;
    const either = rows.filter(({ label }) => label === c).length + predicted.filter((p) => p === c).length;
    sum += both === 0 ? 0 : (2 * both) / either;
  }
  return sum / numClasses;
}

/** The candidate that is best on `choose` after `learn`, fitted on `all`. */
export function bagOfWords(learn, choose, all, numClasses) {
  const candidates = [false, true].flatMap((pairs) => [
    ...[0.01, 0.03, 0.1, 0.3, 1].map((value) => ({
      pairs,
      fit: naiveBayes,
      value,
      name: `naive Bayes, smoothing ${value}`,
    })),
    ...[0, 1e-4, 1e-3, 1e-2].map((value) => ({
      pairs,
      fit: logistic,
      value,
      name: `logistic regression, decay ${value}`,
    })),
  ]);
  const fitted = ({ pairs, fit, value }, rows) => {
    const { vectors, vectorOf, size } = vectorize(rows, pairs);
    const classify = fit(
      vectors,
      rows.map(({ label }) => label),
      size,
      numClasses,
      value,
    );
    return (text) => classify(vectorOf(text));
  };
  let best = { f1: -1 };
  for (const candidate of candidates) {
    const predict = fitted(candidate, learn);
    const f1 = macroF1(
      choose,
      choose.map(({ text }) => predict(text)),
      numClasses,
    );
    if (f1 > best.f1) best = { f1, candidate };
  }
  const { candidate } = best;
  return {
    predict: fitted(candidate, all),
    chosen: `${candidate.name}, ${candidate.pairs ? 'words and pairs' : 'words'}`,
  };
}
