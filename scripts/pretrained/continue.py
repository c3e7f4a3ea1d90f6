"""continue.py FOLDER LENGTH ID...: logits of GPT-2 in float64 for the ids, and the tokens that greedy choice appends, as JSON."""
import json
import sys

import numpy as np

from files import read_folder
from formulas import gpt2

folder, length, *ids = sys.argv[1:]
config, tensors = read_folder(folder)
weights = {name.removeprefix('transformer.'): value.astype(np.float64) for name, value in tensors.items()}
text = [int(i) for i in ids]
logits, margin = gpt2(weights, config, text)[0], np.inf
for _ in range(int(length)):
    last = gpt2(weights, config, text)[0][-1]
    best = np.sort(last)[-2:]
    margin = min(margin, best[1] - best[0])
    text.append(int(last.argmax()))
print(json.dumps({'logits': logits.ravel().tolist(), 'greedy': text[len(ids):], 'margin': margin}))
