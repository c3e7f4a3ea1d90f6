#!/usr/bin/env python3
"""Makes test/fixtures/pretrained/: folders as Hugging Face writes them, with random weights, and what the architecture
computes from them, in float64 by numpy and nothing else. For test/interop/.

    python3 scripts/make-pretrained-goldens.py

The formulas are written from the papers and from config.json's documentation, apart from ours: a loop over heads and
positions, no packed kernels. golden.json has the ids, the logits, and the tokens that greedy choice appends.
"""
import json
import math
import os
import struct

import numpy as np

OUT = os.path.join(os.path.dirname(__file__), '..', 'test', 'fixtures', 'pretrained')


def write_safetensors(path, tensors):
    header, offset = {'__metadata__': {'format': 'pt'}}, 0
    for name, value in tensors.items():
        header[name] = {'dtype': 'F32', 'shape': list(value.shape), 'data_offsets': [offset, offset + 4 * value.size]}
        offset += 4 * value.size
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        for value in tensors.values():
            file.write(value.astype('<f4').tobytes())


def layer_norm(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + eps) * weight + bias


def gelu_new(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def attention(q, k, v):
    """One head, causal: q, k, v (T, d)."""
    out = np.zeros_like(v)
    for t in range(len(q)):
        scores = k[:t + 1] @ q[t] / math.sqrt(q.shape[1])
        weights = np.exp(scores - scores.max())
        out[t] = weights @ v[:t + 1] / weights.sum()
    return out


def gpt2(w, config, ids):
    width, heads, eps = config['n_embd'], config['n_head'], config['layer_norm_epsilon']
    x = w['wte.weight'][ids] + w['wpe.weight'][:len(ids)]
    for n in range(config['n_layer']):
        at = f'h.{n}.'
        h = layer_norm(x, w[at + 'ln_1.weight'], w[at + 'ln_1.bias'], eps)
        qkv = h @ w[at + 'attn.c_attn.weight'] + w[at + 'attn.c_attn.bias']
        q, k, v = (qkv[:, i * width:(i + 1) * width] for i in range(3))
        columns = np.split(np.arange(width), heads)
        joined = np.concatenate([attention(q[:, c], k[:, c], v[:, c]) for c in columns], 1)
        x = x + joined @ w[at + 'attn.c_proj.weight'] + w[at + 'attn.c_proj.bias']
        h = layer_norm(x, w[at + 'ln_2.weight'], w[at + 'ln_2.bias'], eps)
        h = gelu_new(h @ w[at + 'mlp.c_fc.weight'] + w[at + 'mlp.c_fc.bias'])
        x = x + h @ w[at + 'mlp.c_proj.weight'] + w[at + 'mlp.c_proj.bias']
    return layer_norm(x, w['ln_f.weight'], w['ln_f.bias'], eps) @ w['wte.weight'].T


def make_gpt2():
    config = {'model_type': 'gpt2', 'architectures': ['GPT2LMHeadModel'], 'vocab_size': 19, 'n_positions': 24, 'n_embd': 12,
              'n_layer': 2, 'n_head': 3, 'n_inner': None, 'activation_function': 'gelu_new', 'resid_pdrop': 0.1,
              'embd_pdrop': 0.1, 'attn_pdrop': 0.1, 'layer_norm_epsilon': 1e-5, 'initializer_range': 0.02,
              'scale_attn_weights': True, 'use_cache': True, 'torch_dtype': 'float32'}
    random = np.random.RandomState(16)
    width, inner = config['n_embd'], 4 * config['n_embd']
    shapes = {'wte.weight': [19, width], 'wpe.weight': [24, width]}
    for n in range(config['n_layer']):
        for name, shape in (('ln_1', [width]), ('attn.c_attn', [width, 3 * width]), ('attn.c_proj', [width, width]),
                            ('ln_2', [width]), ('mlp.c_fc', [width, inner]), ('mlp.c_proj', [inner, width])):
            shapes[f'h.{n}.{name}.weight'], shapes[f'h.{n}.{name}.bias'] = shape, shape[-1:]
    shapes['ln_f.weight'] = shapes['ln_f.bias'] = [width]
    weights = {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    return config, weights, {f'transformer.{name}': value for name, value in weights.items()}, gpt2


def main():
    for family, make in {'gpt2': make_gpt2}.items():
        config, weights, tensors, run = make()
        folder = os.path.join(OUT, family)
        os.makedirs(folder, exist_ok=True)
        exact = {name: value.astype(np.float64) for name, value in weights.items()}
        ids = [3, 17, 0, 5, 5, 11, 2]
        logits, text = run(exact, config, ids), ids[:3]
        margin = math.inf
        for _ in range(20):
            last = run(exact, config, text)[-1]
            best = np.sort(last)[-2:]
            margin = min(margin, best[1] - best[0])
            text = text + [int(last.argmax())]
        assert margin > 1e-3, 'a tie would make the greedy tokens a matter of rounding'
        with open(os.path.join(folder, 'config.json'), 'w') as file:
            json.dump(config, file, indent=2)
            file.write('\n')
        write_safetensors(os.path.join(folder, 'model.safetensors'), tensors)
        with open(os.path.join(folder, 'golden.json'), 'w') as file:
            json.dump({'ids': ids, 'logits': logits.ravel().tolist(), 'prompt': ids[:3], 'greedy': text[3:]}, file)
            file.write('\n')
        print(f'{family}: {sum(v.size for v in weights.values())} weights, margin {margin:.3f}')


if __name__ == '__main__':
    main()
