"""PyTorch as an engine among the others: /usr/bin/python3 pytorch_step.py MODEL.json THREADS.

Speaks the protocol of engines/serve.mjs. The model is written with the plain functional ops, which is faster here than
nn.TransformerEncoderLayer; Adam runs with foreach, the faster of PyTorch 1.13's two loops.
"""
import math
import sys

import torch
import torch.nn.functional as F
from pytorch_engine import read_model, serve

path, threads = sys.argv[1], int(sys.argv[2])
model, W = read_model(path, threads)
shape = model["shape"]
B, T, C, V = (shape[key] for key in ("batchSize", "seqLen", "dModel", "vocabSize"))
H, L = shape["numHeads"], shape["numLayers"]
D = C // H
for name, tensor in W.items():
    tensor.requires_grad_(name != "positions")
ids = torch.tensor(model["batch"]["ids"]).reshape(B, T)
targets = torch.tensor(model["batch"]["targets"])
mask = torch.full((T, T), -math.inf).triu(1)
adam = model["adam"]
optimizer = torch.optim.Adam(
    [w for name, w in W.items() if name != "positions"],
    lr=adam["lr"], betas=tuple(adam["betas"]), eps=adam["eps"], foreach=True,
)


def norm(x, name):
    return F.layer_norm(x, (C,), W[name + ".weight"], W[name + ".bias"], model["eps"])


def linear(x, name):
    return F.linear(x, W[name + ".weight"], W[name + ".bias"])


def attention(x, name):
    qkv = F.linear(x, W[name + ".in_proj_weight"], W[name + ".in_proj_bias"])
    q, k, v = qkv.view(B, T, 3, H, D).permute(2, 0, 3, 1, 4).reshape(3, B * H, T, D)
    scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(D))
    out = torch.bmm(F.softmax(scores, -1), v).view(B, H, T, D).transpose(1, 2).reshape(B, T, C)
    return linear(out, name + ".out_proj")


def step():
    x = F.embedding(ids, W["embedding.tokens.weight"]) * model["embeddingScale"] + W["positions"]
    for layer in range(L):
        name = f"encoder.layers.{layer}."
        x = x + attention(norm(x, name + "norm1"), name + "self_attn")
        x = x + linear(F.relu(linear(norm(x, name + "norm2"), name + "linear1")), name + "linear2")
    logits = F.linear(norm(x, "encoder.norm"), W["embedding.tokens.weight"])
    loss = F.cross_entropy(logits.view(-1, V), targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


serve(threads, step)
