"""PyTorch reading and continuing texts: /usr/bin/python3 pytorch_lm.py MODEL.json THREADS read|continue.

Plain functional ops and a cache written out by hand: keys and values lie in tensors as long as the text will be, which is
faster than appending to them.
"""
import math
import sys

import torch
import torch.nn.functional as F
from pytorch_engine import read_model, serve

path, threads, task = sys.argv[1], int(sys.argv[2]), sys.argv[3]
model, W = read_model(path, threads)
shape = model["shape"]
C, V, H, L = (shape[key] for key in ("dModel", "vocabSize", "numHeads", "numLayers"))
D = C // H
new = model["newTokens"]
prompt = torch.tensor(model["prompts"])
B, P = prompt.shape
keys = [torch.zeros(B, H, P + new, D) for _ in range(L)]
values = [torch.zeros(B, H, P + new, D) for _ in range(L)]
mask = torch.full((P + new, P + new), -math.inf).triu(1)


def norm(x, name):
    return F.layer_norm(x, (C,), W[name + ".weight"], W[name + ".bias"], model["eps"])


def linear(x, name):
    return F.linear(x, W[name + ".weight"], W[name + ".bias"])


def attention(x, name, layer, at):
    T = x.shape[1]
    to = at + T
    qkv = F.linear(x, W[name + ".in_proj_weight"], W[name + ".in_proj_bias"]).view(B, T, 3, H, D)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    keys[layer][:, :, at:to] = k
    values[layer][:, :, at:to] = v
    scores = q @ keys[layer][:, :, :to].transpose(2, 3) * (1 / math.sqrt(D))
    if T > 1:
        scores = scores + mask[at:to, :to]
    out = F.softmax(scores, -1) @ values[layer][:, :, :to]
    return linear(out.transpose(1, 2).reshape(B, T, C), name + ".out_proj")


def logits(ids, at, last):
    """Behind all tokens, or behind the last."""
    to = at + ids.shape[1]
    x = F.embedding(ids, W["embedding.tokens.weight"]) * model["embeddingScale"] + W["positions"][at:to]
    for layer in range(L):
        name = f"encoder.layers.{layer}."
        x = x + attention(norm(x, name + "norm1"), name + "self_attn", layer, at)
        x = x + linear(F.relu(linear(norm(x, name + "norm2"), name + "linear1")), name + "linear2")
    return F.linear(norm(x[:, -1:] if last else x, "encoder.norm"), W["embedding.tokens.weight"])


def read():
    return logits(prompt, 0, False)[:, -1].max().item()


def go_on():
    texts = []
    ids, at = prompt, 0
    while len(texts) < new:
        next_ids = logits(ids, at, True)[:, -1].argmax(-1, keepdim=True)
        at += ids.shape[1]
        ids = next_ids
        texts.append(ids)
    rows = torch.cat(texts, 1)
    return sum((t + 1) * id for row in rows.tolist() for t, id in enumerate(row))


with torch.no_grad():
    serve(threads, read if task == "read" else go_on)
