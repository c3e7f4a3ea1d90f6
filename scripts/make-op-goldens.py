#!/usr/bin/python3
"""Makes the goldens of test/parity/ops.test.ts from PyTorch, in float64: test/fixtures/torch/ops.safetensors.

    /usr/bin/python3 scripts/make-op-goldens.py     (Debian: apt install python3-torch; made with 1.13)

Metadata per case, in the order of the data: `op: label`, as in the test, with the shapes `3x5 5 > 3x5` of the inputs
and outputs. `inputs` (float32) joins the inputs of all cases; `results` (float64) joins, case by case, the outputs
and the gradients of the inputs. The gradients are those of sum(output * weight), with the weights of `weights`
below, which the test makes too. Integers (ids, lengths, targets) and options stand here and in the test.

PyTorch 1.13 has no RMSNorm, so that one is its formula. Lengths of 0 are left to gradcheck: PyTorch gives NaN.
"""
import os
import sys
from importlib import import_module

import numpy as np
import torch
from torch.nn import functional as F

sys.dont_write_bytecode = True
goldens = import_module('make-goldens')
random = np.random.RandomState(20200212)
cases = {}


def case(op, label, shapes, run, low=-2, high=2):
    """`low` and `high` bound the values of all inputs."""
    assert f'{op}: {label}' not in cases
    cases[f'{op}: {label}'] = shapes, run, low, high


def weights(count, start):
    """Multiples of 1/32 between -1 and 1, none of them 0."""
    return torch.tensor([((29 * (i + 1)) % 64 - 31.5) / 32 for i in range(start, start + count)])


def padded_attention(q, k, v, heads, causal=False, lengths=None, offset=0):
    """torch's attention with identities for its projections."""
    width, identity = q.shape[2], torch.eye(q.shape[2])
    mask = torch.triu(torch.ones(q.shape[1], k.shape[1], dtype=torch.bool), 1 + offset) if causal else None
    out, _ = F.multi_head_attention_forward(
        q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1), width, heads, torch.cat([identity] * 3), None,
        None, None, False, 0.0, identity, None, attn_mask=mask, need_weights=False,
        key_padding_mask=goldens.padding(lengths, k.shape[1]) if lengths else None)
    return out.transpose(0, 1)


def rms_norm(x, weight, eps):
    return weight * x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps)


def gelu_tanh(x):
    return F.gelu(x, approximate='tanh')


def rotated(x, heads, width, theta=10000.0, start=0):
    """The first heads of x (B, T, C) as complex numbers, low half + i high half, times e^(i position theta^(-2j/width))."""
    turned, rest = x[..., :heads * width], x[..., heads * width:]
    low, high = turned.reshape(*x.shape[:2], heads, 2, width // 2).unbind(3)
    angle = torch.outer(torch.arange(start, start + x.shape[1]).double(),
                        theta ** (-2 * torch.arange(width // 2).double() / width))
    z = torch.complex(low, high) * torch.polar(torch.ones_like(angle), angle)[None, :, None]
    return torch.cat([torch.cat([z.real, z.imag], -1).reshape(turned.shape), rest], -1)


def repeated(x, kv_heads, group):
    """Keys or values (B, T, D) of kv_heads heads, each `group` times in a row."""
    return x.reshape(*x.shape[:2], kv_heads, -1).repeat_interleave(group, 2).flatten(2)


def cross_entropy(logits, targets, smoothing=0.0, count=None):
    rows, targets = logits.reshape(-1, logits.shape[-1]), torch.tensor(targets)
    nll = F.cross_entropy(rows.detach(), targets, ignore_index=-1, reduction='sum')
    if count:
        summed = F.cross_entropy(rows, targets, ignore_index=-1, label_smoothing=smoothing, reduction='sum')
        return summed / count, nll
    return F.cross_entropy(rows, targets, ignore_index=-1, label_smoothing=smoothing), nll


def rows_of(table, ids):
    """Rows of a table; -1 is the padding index, whose row is 0."""
    index = torch.tensor(ids) % (table.shape[0] + 1)
    flat = table.reshape(table.shape[0], -1)
    found = F.embedding(index, torch.cat([flat, torch.zeros(1, flat.shape[1])]), padding_idx=table.shape[0])
    return found.reshape(*index.shape, *table.shape[1:])


def elementwise():
    for op, low in ('add', -2), ('sub', -2), ('mul', -2), ('div', 0.5):
        run = getattr(torch, op)
        case(op, 'equal shapes', [[3, 5], [3, 5]], run, low)
        case(op, 'column and row', [[3, 1], [1, 5]], run, low)
        case(op, 'number on the left', [[7]], lambda x, run=run: run(torch.tensor(1.5), x), low)
        case(op, 'number on the right', [[7]], lambda x, run=run: run(x, 1.5), low)
    case('scale', 'matrix', [[3, 5]], lambda x: x * -1.7)
    case('addScalar', 'matrix', [[3, 5]], lambda x: x + 0.3)
    condition = torch.tensor([[1, 0, 0], [2, -1, 0]])
    case('where', 'matrix', [[2, 3], [2, 3]], lambda a, b: torch.where(condition != 0, a, b))
    for op, low, high in (('exp', -9, 9), ('log', 0.1, 9), ('tanh', -4, 4), ('sigmoid', -9, 9), ('sqrt', 0.1, 9),
                          ('sin', -9, 9), ('cos', -9, 9), ('relu', -2, 2)):
        case(op, 'matrix', [[3, 7]], getattr(torch, op), low, high)
    case('relu', 'at 0', [[3]], torch.relu, 0, 0)
    case('gelu', 'matrix', [[3, 7]], F.gelu, -5, 5)
    case('geluTanh', 'matrix', [[3, 7]], gelu_tanh, -5, 5)
    case('silu', 'matrix', [[3, 7]], F.silu, -9, 9)


def reductions():
    along = {'sum': torch.sum, 'mean': torch.mean,
             'max': lambda x, axis, keepdim=False: torch.max(x, axis, keepdim=keepdim).values}
    for op, run in along.items():
        case(op, 'all', [[3, 5]], getattr(torch, op))
        case(op, 'first axis', [[3, 5]], lambda x, run=run: run(x, 0))
        case(op, 'inner axis, keepDim', [[2, 5, 3]], lambda x, run=run: run(x, 1, keepdim=True))
    case('softmax', 'matrix', [[3, 7]], lambda x: torch.softmax(x, -1))
    case('softmax', 'lengths per sequence', [[2, 3, 5]],
         lambda x: torch.softmax(x.masked_fill(goldens.padding([5, 2], 5)[:, None], -torch.inf), -1))
    case('logSoftmax', 'matrix', [[3, 7]], lambda x: torch.log_softmax(x, -1))
    case('logSoftmax', 'large values', [[2, 5]], lambda x: torch.log_softmax(x, -1), -50, 50)
    case('crossEntropy', 'plain', [[4, 5]], lambda x: cross_entropy(x, [0, 4, 2, 2]))
    case('crossEntropy', 'smoothing', [[4, 5]], lambda x: cross_entropy(x, [0, 4, 2, 2], 0.1))
    case('crossEntropy', 'ignored rows', [[2, 3, 5]], lambda x: cross_entropy(x, [1, -1, 3, 0, -1, -1], 0.2))
    case('crossEntropy', 'its own count', [[3, 5]], lambda x: cross_entropy(x, [1, -1, 0], 0.1, count=7))
    for label, shapes, targets, options in (
            ('plain', [[4, 3], [5, 3]], [0, 4, 2, 2], {}),
            ('smoothing, ignored rows', [[2, 3, 4], [5, 4]], [1, -1, 3, 0, -1, -1], {'smoothing': 0.2}),
            ('its own count', [[3, 4], [5, 4]], [1, -1, 0], {'smoothing': 0.1, 'count': 7})):
        case('linearCrossEntropy', label, shapes,
             lambda x, w, t=targets, o=options: cross_entropy(F.linear(x, w), t, **o))


def layout():
    case('reshape', 'one size open', [[2, 6]], lambda x: x.reshape(3, -1))
    case('transpose', 'matrix', [[2, 3]], lambda x: x.transpose(-2, -1))
    case('transpose', 'first and last', [[2, 3, 5]], lambda x: x.transpose(0, 2))
    case('permute', 'three axes', [[2, 3, 5]], lambda x: x.permute(2, 0, 1))
    case('permute', 'four axes', [[2, 3, 1, 2]], lambda x: x.permute(3, 1, 0, 2))
    case('slice', 'columns', [[3, 5]], lambda x: x[:, 1:4])
    case('slice', 'inner axis', [[2, 5, 3]], lambda x: x[:, 3:4])
    case('broadcastTo', 'new axis', [[3]], lambda x: x.expand(2, 3))
    case('broadcastTo', 'several axes', [[2, 1, 3, 1]], lambda x: x.expand(2, 2, 3, 2))
    case('concat', 'rows', [[2, 3], [1, 3]], lambda a, b: torch.cat([a, b]))
    case('concat', 'inner axis', [[2, 1, 3], [2, 2, 3]], lambda a, b: torch.cat([a, b], 1))
    case('embedding', 'padding and scale', [[5, 3]], lambda w: rows_of(w, [[1, -1, 4], [1, 0, -1]]) * 1.7)
    case('gather', 'rows', [[5, 3]], lambda x: rows_of(x, [3, 0, 3, -1]))
    case('gather', 'slabs', [[3, 2, 3]], lambda x: x[torch.tensor([2, 2, 1])])


def products():
    for lead, lead_b, label in ([], [], 'plain'), ([2], [2], 'batched'), ([2], [], 'shared b'):
        for ta in False, True:
            for tb in False, True:
                def run(a, b, ta=ta, tb=tb):
                    return torch.matmul(a.transpose(-2, -1) if ta else a, b.transpose(-2, -1) if tb else b)

                shapes = [lead + ([5, 3] if ta else [3, 5]), lead_b + ([2, 5] if tb else [5, 2])]
                case('matmul', label + (', aᵀ' if ta else '') + (', bᵀ' if tb else ''), shapes, run)
    case('matmul', 'beyond a tile', [[7, 11], [11, 9]], torch.matmul)
    for name, activation in (('none', lambda x: x), ('relu', torch.relu), ('gelu', F.gelu), ('geluTanh', gelu_tanh),
                             ('silu', F.silu)):
        def dense(x, w, b=None, activation=activation):
            return activation(F.linear(x, w, b))

        case('linear', f'{name}, bias', [[2, 2, 3], [5, 3], [5]], dense)
        case('linear', f'{name}, no bias', [[3, 3], [5, 3]], dense)
        case('linear', f'{name}, some rows', [[3, 3], [5, 3], [5]],
             lambda x, w, b, dense=dense: dense(x, w[1:4], b[1:4]))


def norms():
    def layer(x, w, b=None, eps=1e-5):
        return F.layer_norm(x, x.shape[-1:], w, b, eps)

    case('layerNorm', 'bias', [[3, 7], [7], [7]], layer)
    case('layerNorm', 'no bias', [[2, 2, 5], [5]], layer)
    case('layerNorm', 'large eps', [[3, 5], [5], [5]], lambda x, w, b: layer(x, w, b, 0.1))
    case('layerNorm', 'residual', [[3, 5], [3, 5], [5], [5]], lambda x, r, w, b: layer(x + r, w, b))
    case('addLayerNorm', 'residual', [[3, 5], [3, 5], [5], [5]], lambda x, r, w, b: (layer(x + r, w, b), x + r))
    case('addLayerNorm', 'no residual', [[3, 5], [5], [5]], lambda x, w, b: (layer(x, w, b), x))
    case('rmsNorm', 'matrix', [[3, 7], [7]], lambda x, w: rms_norm(x, w, 1e-5))
    case('rmsNorm', 'large eps', [[2, 2, 5], [5]], lambda x, w: rms_norm(x, w, 0.1))
    case('rmsNorm', 'residual', [[3, 5], [3, 5], [5]], lambda x, r, w: rms_norm(x + r, w, 1e-5))
    case('addRmsNorm', 'residual', [[3, 5], [3, 5], [5]], lambda x, r, w: (rms_norm(x + r, w, 1e-5), x + r))
    case('addRmsNorm', 'no residual', [[3, 5], [5]], lambda x, w: (rms_norm(x, w, 1e-5), x))


def attentions():
    def attends(op, label, shapes, split, **options):
        case(op, label, shapes, lambda *inputs: padded_attention(*split(*inputs), **options))

    def packed(x):
        return x.chunk(3, 2)

    def keys_and_values(q, kv):
        return (q, *kv.chunk(2, 2))

    def separate(q, k, v):
        return q, k, v

    self_shape, cross_shapes, three = [[2, 3, 18]], [[2, 3, 4], [2, 5, 8]], [[2, 3, 6]] * 3
    attends('selfAttention', 'no mask', self_shape, packed, heads=2)
    attends('selfAttention', 'causal', self_shape, packed, heads=2, causal=True)
    attends('selfAttention', 'lengths', self_shape, packed, heads=3, lengths=[2, 3])
    attends('selfAttention', 'causal with lengths', self_shape, packed, heads=2, causal=True, lengths=[3, 1])
    attends('crossAttention', 'no mask', cross_shapes, keys_and_values, heads=2)
    attends('crossAttention', 'lengths', cross_shapes, keys_and_values, heads=1, lengths=[4, 2])
    attends('attention', 'no mask', three, separate, heads=3)
    attends('attention', 'causal', three, separate, heads=2, causal=True)
    attends('attention', 'lengths', three, separate, heads=2, lengths=[1, 3])
    attends('attention', 'causal with lengths', three, separate, heads=3, causal=True, lengths=[3, 2])
    def grouped(kv_heads, group):
        return lambda q, k, v: (q, repeated(k, kv_heads, group), repeated(v, kv_heads, group))

    two, one = grouped(2, 2), grouped(1, 3)
    attends('selfAttention', 'two heads a key', [[2, 3, 24]], lambda x: two(*x.split([12, 6, 6], 2)), heads=4,
            causal=True)
    attends('crossAttention', 'two heads a key', [[2, 3, 8], [2, 5, 8]], lambda q, kv: two(q, *kv.chunk(2, 2)), heads=4)
    attends('attention', 'one key for all heads', [[2, 3, 6], [2, 4, 2], [2, 4, 2]], one, heads=3, lengths=[3, 2])
    case('rotary', 'every head', [[2, 3, 12]], lambda x: rotated(x, 2, 6))
    case('rotary', 'some heads, later', [[2, 3, 20]], lambda x: rotated(x, 2, 8, 500.0, 33))
    attends('attention', 'earlier keys', [[1, 2, 4], [1, 5, 4], [1, 5, 4]], separate, heads=2, causal=True,
            offset=3)


def joined(parts):
    return np.concatenate([part.detach().numpy().reshape(-1) for part in parts])


def shape_text(parts):
    return ' '.join('x'.join(map(str, part.shape)) or 'scalar' for part in parts)


def compute(shapes, run, low, high):
    inputs = []
    for shape in shapes:
        values = random.uniform(low, high, shape).astype(np.float32)
        inputs.append(torch.tensor(values.astype(np.float64), requires_grad=True))
    outputs = run(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    loss, start = 0, 0
    for output in outputs:
        loss = loss + (output.reshape(-1) * weights(output.numel(), start)).sum()
        start += output.numel()
    loss.backward()
    results = joined([*outputs, *(x.grad for x in inputs)])
    assert np.isfinite(results).all()
    return joined(inputs).astype(np.float32), results, f'{shape_text(inputs)} > {shape_text(outputs)}'


if __name__ == '__main__':
    for collect in elementwise, reductions, layout, products, norms, attentions:
        collect()
    computed = {name: compute(*item) for name, item in cases.items()}
    tensors = {name: np.concatenate([parts[i] for parts in computed.values()]) for i, name in enumerate(
        ['inputs', 'results'])}
    path = os.path.join(goldens.OUT, 'ops.safetensors')
    goldens.write_safetensors(path, tensors, {name: parts[2] for name, parts in computed.items()})
    print(f'{len(cases)} cases, {os.path.getsize(path)} bytes')
