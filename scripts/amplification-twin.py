#!/usr/bin/python3
"""The PyTorch twin of the amplification: one step of torch.optim.Adam on the same weights and batch, in double precision,
with layers written from torch's own functions. Exits 1 where a change of the logits differs from the one recorded by more
than TOLERANCE, or where the law it stands for does not come out.

    node --import tsx scripts/amplification-twin.ts TWIN
    /usr/bin/python3 scripts/amplification-twin.py TWIN

Needs PyTorch (made with 1.13) and NumPy.
"""
import json
import math
import os
import struct
import sys

import numpy as np
import torch
from torch.nn import functional as F

torch.set_num_threads(1)
# Prenorm computes the change in float32: at rate 1e-5 it is some 1e-3 of the logits, whose last bits are 1e-7.
TOLERANCE = 0.001
HEADS = 4
DTYPES = {'F32': np.float32, 'F64': np.float64, 'I32': np.int32}


def read_safetensors(path):
    with open(path, 'rb') as file:
        content = file.read()
    size = struct.unpack('<Q', content[:8])[0]
    header = json.loads(content[8:8 + size])
    metadata = header.pop('__metadata__', {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry['data_offsets']
        values = np.frombuffer(content[8 + size + begin:8 + size + end], DTYPES[entry['dtype']])
        tensors[name] = values.reshape(entry['shape']).copy()
    return tensors, metadata


def norm(x, p, name):
    return F.layer_norm(x, x.shape[-1:], p[name + '.weight'], p[name + '.bias'], 1e-5)


def attention(x, p, path):
    b, t, d = x.shape
    packed = F.linear(x, p[path + '.in_proj_weight'], p[path + '.in_proj_bias'])
    q, k, v = (one.view(b, t, HEADS, d // HEADS).transpose(1, 2) for one in packed.chunk(3, -1))
    weights = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(d // HEADS), -1)
    mixed = (weights @ v).transpose(1, 2).reshape(b, t, d)
    return F.linear(mixed, p[path + '.out_proj.weight'], p[path + '.out_proj.bias'])


def feed_forward(x, p, path):
    hidden = F.relu(F.linear(x, p[path + '.linear1.weight'], p[path + '.linear1.bias']))
    return F.linear(hidden, p[path + '.linear2.weight'], p[path + '.linear2.bias'])


def logits(p, placement, layers, ids, positions):
    table = p['embedding.tokens.weight']
    x = F.embedding(ids, table) * math.sqrt(table.shape[1]) + positions
    if 'embedding.norm.weight' in p:
        x = norm(x, p, 'embedding.norm')
    for layer in range(layers):
        path = f'encoder.layers.{layer}'
        branches = ((lambda y: attention(y, p, path + '.self_attn'), '1'), (lambda y: feed_forward(y, p, path), '2'))
        for branch, number in branches:
            name = f'{path}.norm{number}'
            if placement == 'post':
                x = norm(x + branch(x), p, name)
            elif placement == 'pre':
                x = x + branch(norm(x, p, name))
            else:
                x = x + norm(branch(norm(x, p, name)), p, name + '_out')
    if 'encoder.norm.weight' in p:
        x = norm(x, p, 'encoder.norm')
    return F.linear(x, table)


def change(tensors, metadata):
    placement, layers, rate = metadata['placement'], int(metadata['numLayers']), float(metadata['lr'])
    ids, targets = (torch.tensor(tensors.pop(name)).long() for name in ('ids', 'targets'))
    positions = torch.tensor(tensors.pop('positions')).double()
    p = {name: torch.tensor(values).double().requires_grad_() for name, values in tensors.items()}
    before = logits(p, placement, layers, ids, positions)
    F.cross_entropy(before.flatten(0, 1), targets.flatten()).backward()
    torch.optim.Adam(p.values(), lr=rate, betas=(0.9, 0.98), eps=1e-9).step()
    with torch.no_grad():
        after = logits(p, placement, layers, ids, positions)
        return ((after - before).norm() / before.norm()).item()


def main(folder):
    found = {}
    worst = 0
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.safetensors'):
            continue
        tensors, metadata = read_safetensors(os.path.join(folder, name))
        here, there = change(tensors, metadata), float(metadata['change'])
        off = abs(here / there - 1)
        worst = max(worst, off)
        found.setdefault((metadata['placement'], int(metadata['numLayers'])), []).append(here)
        print(f'{name}: torch {here:.6f}, Prenorm {there:.6f}, {100 * off:.3f} % apart')
    means = {key: sum(values) / len(values) for key, values in found.items()}
    depths = sorted({depth for _, depth in means})
    first, last = depths[0], depths[-1]
    slope = {
        placement: math.log(means[placement, last] / means[placement, first]) / math.log(last / first)
        for placement in ('post', 'pre', 'peri')
    }
    print(f'worst {100 * worst:.3f} %, of {100 * TOLERANCE:.1f} % allowed')
    print('slope in log L: ' + ', '.join(f'{name} {value:.2f}' for name, value in slope.items()))
    return 0 if worst <= TOLERANCE and slope['post'] > 1 > slope['pre'] else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
