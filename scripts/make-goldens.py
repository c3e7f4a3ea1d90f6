#!/usr/bin/python3
"""Makes the goldens of the parity tests from PyTorch, in float64: test/fixtures/torch/*.safetensors.

    /usr/bin/python3 scripts/make-goldens.py        (Debian: apt install python3-torch; made with 1.13)

Parameters are random numbers rounded to float16 and inputs to float32, so that both precisions start from
exactly the same values. `state.safetensors` holds one torch.nn.Transformer state dict (3 encoder layers, 2
decoder layers) and an embedding table; every case uses a part of it under PyTorch's own names.

One file per case:
  metadata     `case`: JSON with the configuration, the loss, the losses of 10 steps of each optimizer, and
               the 2-norms of the gradients
  output       (batch, length, d) float64
  x, memory    inputs, float32; or source, target ... as int32 ids
  source_lengths, target_lengths (int32): how many positions of a sequence are not padding
  weights      float32: where there is no vocabulary, the loss is sum(output * weights) / rows
  grad.NAME    float64 gradient of a vector, or of an input
  sketch.NAME  float64 s @ G and G @ t, joined, for the gradient G of a matrix, s and t being signs (see
               `signs`): random projections tell any difference, and |s @ dG| estimates |dG|, in a
               fifteenth of the space
  full.NAME    float32 gradient of a matrix (for some matrices only, to keep the fixtures small)

Dropout is 0, and models are in train mode: eval mode would take PyTorch's fused path, which fills padded
positions with zeros.
"""
import json
import math
import os
import struct

import numpy as np
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'test', 'fixtures', 'torch')
D, HEADS, FF, VOCAB = 30, 5, 42, 23
BATCH, SOURCE, TARGET = 3, 7, 5
ENCODER_LAYERS, DECODER_LAYERS = 3, 2
SMOOTHING = 0.1
random = np.random.RandomState(20200628)


def write_safetensors(path, tensors, metadata=None):
    """Tensors by falling element size, so that each is aligned."""
    names = {'float64': 'F64', 'float32': 'F32', 'float16': 'F16', 'int32': 'I32'}
    header, blobs, offset = {}, [], 0
    if metadata:
        header['__metadata__'] = metadata
    for name, array in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        blob = np.ascontiguousarray(array).tobytes()
        header[name] = {'dtype': names[str(array.dtype)], 'shape': list(array.shape),
                        'data_offsets': [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + b''.join(blobs))


def draw(name, shape):
    if len(shape) == 2:
        bound = math.sqrt(6 / (shape[0] / (3 if 'in_proj' in name else 1) + shape[1]))
        values = random.uniform(-bound, bound, shape)
    elif 'norm' in name:
        values = (1.0 if name.endswith('weight') else 0.0) + 0.25 * random.randn(*shape)
    else:
        values = 0.2 * random.randn(*shape)
    return values.astype(np.float16)


def make_state():
    model = nn.Transformer(D, HEADS, ENCODER_LAYERS, DECODER_LAYERS, FF)
    state = {name: draw(name, tuple(value.shape)) for name, value in model.state_dict().items()}
    state['embedding.weight'] = (random.randn(VOCAB, D) / math.sqrt(D)).astype(np.float16)
    return state


def signs(count, seed):
    """+1 or -1, from the top bit of a linear congruential generator; the tests make the same ones."""
    out = np.empty(count)
    for i in range(count):
        seed = (seed * 1664525 + 1013904223) % 2**32
        out[i] = 1.0 if seed < 2**31 else -1.0
    return out


def sinusoids(length):
    table = np.empty((length, D))
    for t in range(length):
        for i in range(D):
            angle = t / 10000 ** ((i - i % 2) / D)
            table[t, i] = math.sin(angle) if i % 2 == 0 else math.cos(angle)
    return torch.tensor(table)


def padding(lengths, length):
    """True where padded."""
    return torch.tensor([[t >= n for t in range(length)] for n in lengths])


def causal(length):
    """True where a query must not look."""
    return torch.triu(torch.ones(length, length, dtype=torch.bool), 1)


class Model(nn.Module):
    """The part of PyTorch that a case is about, with embeddings and a tied head where it has ids."""

    def __init__(self, case, state):
        super().__init__()
        self.case = case
        kind, first, act = case['kind'], case['normPlacement'] == 'pre', case['activation']
        options = dict(dropout=0.0, activation=act, batch_first=True, norm_first=first)
        norm = (lambda: nn.LayerNorm(D)) if case['finalNorm'] else (lambda: None)
        if kind == 'transformer':
            self.body = nn.Transformer(D, HEADS, case['numEncoderLayers'], case['numDecoderLayers'], FF, **options)
            prefix = ''
        elif kind == 'decoder':
            layer = nn.TransformerDecoderLayer(D, HEADS, FF, **options)
            self.body = nn.TransformerDecoder(layer, case['numLayers'], norm())
            prefix = 'decoder.'
        else:
            layer = nn.TransformerEncoderLayer(D, HEADS, FF, **options)
            self.body = nn.TransformerEncoder(layer, case['numLayers'], norm())
            prefix = 'encoder.'
        own = self.body.state_dict()
        self.body.load_state_dict({name: torch.tensor(state[prefix + name].astype(np.float64)) for name in own})
        if case.get('vocabSize'):
            self.embedding = nn.Embedding(VOCAB, D)
            self.embedding.load_state_dict({'weight': torch.tensor(state['embedding.weight'].astype(np.float64))})
        self.train()

    def embed(self, ids):
        return self.embedding(ids.long()) * math.sqrt(D) + sinusoids(ids.shape[1])

    def forward(self, inputs):
        kind = self.case['kind']
        source_padding = padding(inputs['source_lengths'], SOURCE) if 'source_lengths' in inputs else None
        target_padding = padding(inputs['target_lengths'], TARGET) if 'target_lengths' in inputs else None
        if kind == 'encoder':
            return self.body(inputs['x'], src_key_padding_mask=source_padding)
        if kind == 'decoder':
            return self.body(inputs['x'], inputs['memory'], tgt_mask=causal(TARGET),
                             tgt_key_padding_mask=target_padding, memory_key_padding_mask=source_padding)
        if kind == 'causal-lm':
            hidden = self.body(self.embed(inputs['ids']), mask=causal(SOURCE))
        else:
            hidden = self.body(self.embed(inputs['source']), self.embed(inputs['target_input']),
                               tgt_mask=causal(TARGET), src_key_padding_mask=source_padding,
                               tgt_key_padding_mask=target_padding, memory_key_padding_mask=source_padding)
        return nn.functional.linear(hidden, self.embedding.weight)

    def loss(self, inputs):
        output = self(inputs)
        if 'weights' in inputs:
            return output, (output * inputs['weights']).sum() / (output.shape[0] * output.shape[1])
        targets = inputs['targets'].long().reshape(-1)
        return output, nn.functional.cross_entropy(output.reshape(-1, VOCAB), targets, ignore_index=-1,
                                                   label_smoothing=SMOOTHING)


def make_inputs(case):
    def vectors(length):
        return torch.tensor(random.randn(BATCH, length, D).astype(np.float32).astype(np.float64))

    def ids(length):
        return torch.tensor(random.randint(0, VOCAB, (BATCH, length)).astype(np.int32))

    kind, inputs = case['kind'], {}
    if kind in ('encoder', 'decoder'):
        length = SOURCE if kind == 'encoder' else TARGET
        inputs['x'] = vectors(length)
        if kind == 'decoder':
            inputs['memory'] = vectors(SOURCE)
        inputs['weights'] = vectors(length)
        for name in inputs:
            inputs[name].requires_grad_(name != 'weights')
    elif kind == 'causal-lm':
        inputs['ids'] = ids(SOURCE)
        inputs['targets'] = ids(SOURCE)
        inputs['targets'][1, 4:] = -1
    else:
        inputs['source'] = ids(SOURCE)
        inputs['target_input'] = ids(TARGET)
        inputs['targets'] = ids(TARGET)
    if kind != 'causal-lm':
        inputs['source_lengths'] = torch.tensor([SOURCE, 2, 5], dtype=torch.int32)
    if kind == 'transformer':
        inputs['target_lengths'] = torch.tensor([3, TARGET, 1], dtype=torch.int32)
        for row, length in enumerate(inputs['target_lengths']):
            inputs['targets'][row, length:] = -1
    return inputs


OPTIMIZERS = {
    'adam': lambda p: torch.optim.Adam(p, lr=1e-3, betas=(0.9, 0.98), eps=1e-9),
    'adamw': lambda p: torch.optim.AdamW(p, lr=1e-3, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.1),
    'radam': lambda p: torch.optim.RAdam(p, lr=1e-3, betas=(0.9, 0.98), eps=1e-9),
    'sgd': lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9),
}


def run(case, state):
    inputs = make_inputs(case)
    model = Model(case, state)
    output, loss = model.loss(inputs)
    loss.backward()
    tensors = {'output': output.detach().numpy()}
    norms = {}
    for name, value in inputs.items():
        exact = value.detach().numpy()
        tensors[name] = exact.astype(np.float32) if exact.dtype == np.float64 else exact
        if value.grad is not None:
            # A copy: the steps below add to the gradient of the inputs.
            tensors['grad.' + name] = value.grad.numpy().copy()
            norms[name] = float(f'{np.linalg.norm(value.grad.numpy()):.6g}')
    for name, parameter in model.named_parameters():
        name = name.replace('body.', '', 1)
        gradient = parameter.grad.numpy()
        norms[name] = float(f'{np.linalg.norm(gradient):.6g}')
        if gradient.ndim == 1:
            tensors['grad.' + name] = gradient
        else:
            rows, cols = gradient.shape
            tensors['sketch.' + name] = np.concatenate([signs(rows, 1) @ gradient, gradient @ signs(cols, 2)])
            if case['full'] and name.startswith(case['full']):
                tensors['full.' + name] = gradient.astype(np.float32)
    record = dict(case, loss=loss.item(), norms=norms, optimizers={})
    for name in case['steps']:
        model = Model(case, state)
        optimizer = OPTIMIZERS[name](model.parameters())
        losses = []
        for _ in range(10):
            optimizer.zero_grad()
            _, loss = model.loss(inputs)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        record['optimizers'][name] = losses
    record.pop('steps')
    record.pop('full')
    path = os.path.join(OUT, case['name'] + '.safetensors')
    write_safetensors(path, tensors, {'case': json.dumps(record), 'torch': torch.__version__})
    print(f"{case['name']:24} loss {record['loss']:.6f}  {os.path.getsize(path)} bytes")


def case(name, kind, placement, activation, final_norm, full=None, steps=('adam',), **layers):
    return dict(name=name, kind=kind, normPlacement=placement, activation=activation, finalNorm=final_norm,
                full=full, steps=list(steps), dModel=D, numHeads=HEADS, dFF=FF, **layers)


CASES = [
    case('encoder-post', 'encoder', 'post', 'relu', False, full='layers.0.', steps=OPTIMIZERS, numLayers=2),
    case('encoder-pre', 'encoder', 'pre', 'gelu', True, numLayers=3),
    case('decoder-post', 'decoder', 'post', 'gelu', False, numLayers=2),
    case('decoder-pre', 'decoder', 'pre', 'relu', True, full='layers.0.multihead_attn.', numLayers=2),
    case('causal-lm-pre', 'causal-lm', 'pre', 'gelu', True, numLayers=2, vocabSize=VOCAB, smoothing=SMOOTHING),
    case('transformer-post', 'transformer', 'post', 'relu', True, numEncoderLayers=2, numDecoderLayers=2,
         vocabSize=VOCAB, smoothing=SMOOTHING),
    case('transformer-pre', 'transformer', 'pre', 'gelu', True, numEncoderLayers=3, numDecoderLayers=2,
         vocabSize=VOCAB, smoothing=SMOOTHING),
]

if __name__ == '__main__':
    os.makedirs(OUT, exist_ok=True)
    shared = make_state()
    write_safetensors(os.path.join(OUT, 'state.safetensors'), shared)
    for item in CASES:
        run(item, shared)
    sizes = [os.path.getsize(os.path.join(OUT, name)) for name in os.listdir(OUT)]
    print(f'{len(sizes)} files, {sum(sizes)} bytes')
