"""PyTorch as an engine among the others: /usr/bin/python3 pytorch_step.py MODEL.json THREADS.

Speaks the protocol of engines/serve.mjs. The model is written with the plain functional ops, which is faster here than
nn.TransformerEncoderLayer; Adam runs with foreach, the faster of PyTorch 1.13's two loops.
"""
import ctypes
import json
import math
import re
import sys
import time

import torch
import torch.nn.functional as F

path, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
with open(path) as file:
    model = json.load(file)
with open(model["weights"], "rb") as file:
    flat = torch.frombuffer(bytearray(file.read()), dtype=torch.float32)
shape = model["shape"]
B, T, C, V = (shape[key] for key in ("batchSize", "seqLen", "dModel", "vocabSize"))
H, L = shape["numHeads"], shape["numLayers"]
D = C // H
W = {}
for entry in model["tensors"]:
    part = flat[entry["offset"] : entry["offset"] + entry["size"]].clone().reshape(entry["shape"])
    W[entry["name"]] = part if entry["name"] == "positions" else part.requires_grad_()
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


def blas():
    """The BLAS that is really loaded, by asking it."""
    with open("/proc/self/maps") as maps:
        files = sorted(set(re.findall(r"/\S*(?:blas|mkl)\S*\.so\S*", maps.read())))
    for file in files:
        try:
            config = ctypes.CDLL(file).openblas_get_config
        except (AttributeError, OSError):
            continue
        config.restype = ctypes.c_char_p
        words = config().decode().split()
        core = [word for word in words[2:] if not re.search("=|_", word)]
        return f"{words[0]} {words[1]} ({' '.join(core)})"
    return "BLAS " + ", ".join(files) if files else "no BLAS"


def version():
    """Debian's package says 1.13.1 where the library says 1.13.0a0."""
    try:
        with open("/var/lib/dpkg/status") as status:
            found = re.search(r"Package: python3-torch\n(?:.+\n)*?Version: ([\d.]+)", status.read())
        return found.group(1) + ", Debian" if found else torch.__version__
    except OSError:
        return torch.__version__


def say(message):
    print(json.dumps(message), flush=True)


torch.ones(64, 64) @ torch.ones(64, 64)  # loads the BLAS
say({"build": f"PyTorch {version()}, {blas()}, {threads} thread{'s' if threads > 1 else ''}"})
for line in sys.stdin:
    times, computed, losses = [], [], []
    try:
        for _ in range(json.loads(line)["steps"]):
            cpu = time.process_time()
            before = time.perf_counter()
            losses.append(step())
            times.append((time.perf_counter() - before) * 1000)
            computed.append((time.process_time() - cpu) * 1000)
        say({"ms": times, "cpuMs": computed, "losses": losses})
    except Exception as error:  # the caller says so in the table
        say({"error": repr(error)[:500]})
