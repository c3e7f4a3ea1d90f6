#!/usr/bin/python3
"""The PyTorch twin of the Multi30k experiment's first arm (Pre-LN, no warm-up): torch.nn.Transformer trained on the
same token ids in the same batches and order, from the same initial weights, with the same rates, loss and Adam.

    node --import tsx scripts/multi30k-twin.ts export --data DATA --out TWIN
    python3 scripts/multi30k-twin.py TWIN [--steps N]
    node --import tsx scripts/multi30k-twin.ts test --data DATA --out TWIN

The first line writes data.safetensors (ids, batches, positions, rates) and initial.safetensors; this script writes
step-N.safetensors (the last five evaluations and the best one) and record.json beside them; the last line loads
these weights and translates the test set by Prenorm's own search, so that nothing but the training differs.
Needs PyTorch (made with 1.13) and NumPy. One thread, float32, dropout 0; stopped, it resumes from twin.pt.
"""
import argparse
import json
import math
import os
import struct
import time

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
KEEP = 5
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


def write_safetensors(path, tensors):
    header, blobs, offset = {}, [], 0
    for name, array in sorted(tensors.items()):
        blob = np.ascontiguousarray(array, np.float32).tobytes()
        header[name] = {'dtype': 'F32', 'shape': list(array.shape), 'data_offsets': [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + b''.join(blobs))


class Twin(nn.Module):
    """Embeddings times sqrt(d) plus sinusoids, torch's own stacks, and the table again as output projection."""

    def __init__(self, config, vocab, positions):
        super().__init__()
        d = config['dModel']
        self.body = nn.Transformer(d, config['numHeads'], config['numLayers'], config['numLayers'], config['dFF'],
                                   dropout=0.0, activation='relu', batch_first=True,
                                   norm_first=config['normPlacement'] == 'pre')
        self.embedding = nn.Embedding(vocab, d)
        self.scale = math.sqrt(d)
        self.register_buffer('positions', torch.tensor(positions), persistent=False)

    def embed(self, ids):
        return self.embedding(ids) * self.scale + self.positions[:ids.shape[1]]

    def forward(self, batch):
        length = batch['input'].shape[1]
        causal = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
        hidden = self.body(self.embed(batch['source']), self.embed(batch['input']), tgt_mask=causal,
                           src_key_padding_mask=batch['padding'], memory_key_padding_mask=batch['padding'])
        # Rows of padding have no target; leaving them out changes no sum.
        return nn.functional.linear(hidden[batch['output'] >= 0], self.embedding.weight)

    def state(self):
        state = {name: value.numpy().copy() for name, value in self.body.state_dict().items()}
        state['embedding.weight'] = self.embedding.weight.detach().numpy().copy()
        return state


def load_state(model, state):
    body = {name: torch.tensor(value) for name, value in state.items() if name != 'embedding.weight'}
    model.body.load_state_dict(body)
    model.embedding.load_state_dict({'weight': torch.tensor(state['embedding.weight'])})


class Batches:
    """The exported batches of one part, padded as Prenorm pads them."""

    def __init__(self, data, part, marks):
        self.marks = marks
        self.sentences = {}
        for side in ('source', 'target'):
            ends = np.cumsum(data[f'{part}.{side}.lengths'])
            self.sentences[side] = np.split(data[f'{part}.{side}.ids'].astype(np.int64), ends[:-1])
        self.rows = np.split(data[f'{part}.indices'], np.cumsum(data[f'{part}.sizes'])[:-1])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, number):
        pad, bos, eos = self.marks
        rows = self.rows[number]
        sources = [self.sentences['source'][row] for row in rows]
        targets = [self.sentences['target'][row] for row in rows]
        shape = len(rows), max(len(target) for target in targets) + 1
        source = np.full((len(rows), max(len(one) for one in sources)), pad)
        padding = np.ones(source.shape, bool)
        given, wanted = np.full(shape, pad), np.full(shape, -1)
        for i, (a, b) in enumerate(zip(sources, targets)):
            source[i, :len(a)] = a
            padding[i, :len(a)] = False
            given[i, 0], given[i, 1:len(b) + 1] = bos, b
            wanted[i, :len(b)], wanted[i, len(b)] = b, eos
        arrays = dict(source=source, padding=padding, input=given, output=wanted)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def validate(model, batches):
    total, tokens = 0.0, 0
    with torch.no_grad():
        for number in range(len(batches)):
            batch = batches[number]
            targets = batch['output'][batch['output'] >= 0]
            total += nn.functional.cross_entropy(model(batch), targets, reduction='sum').item()
            tokens += len(targets)
    return total / tokens


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('folder')
    parser.add_argument('--steps', type=int, help='fewer steps, for a trial; nothing is written')
    options = parser.parse_args()
    path = lambda name: os.path.join(options.folder, name)
    data, metadata = read_safetensors(path('data.safetensors'))
    run = json.loads(metadata['run'])
    marks = [int(metadata[name]) for name in ('padId', 'bosId', 'eosId')]
    model = Twin(run['model'], int(metadata['vocabSize']), data['positions'])
    load_state(model, read_safetensors(path('initial.safetensors'))[0])
    model.train()  # eval mode would take the fused path; without dropout they are the same
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=tuple(run['optimizer']['betas']),
                                 eps=run['optimizer']['eps'])
    train, valid = Batches(data, 'train', marks), Batches(data, 'valid', marks)
    step, curve, losses, kept, seconds = 0, [], [], [], 0.0
    if os.path.exists(path('twin.pt')) and not options.steps:
        saved = torch.load(path('twin.pt'))
        model.load_state_dict(saved['model'])
        optimizer.load_state_dict(saved['optimizer'])
        step, curve, losses, kept, seconds = (saved[key] for key in ('step', 'curve', 'losses', 'kept', 'seconds'))
        if step == run['steps']:
            return print('done')
    started = time.time() - seconds
    total = options.steps or run['steps']
    while step < total:
        batch = train[step]
        targets = batch['output'][batch['output'] >= 0]
        lr = float(data['rates'][step])
        for group in optimizer.param_groups:
            group['lr'] = lr
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch), targets, label_smoothing=run['labelSmoothing'])
        loss.backward()
        optimizer.step()
        step += 1
        losses.append(loss.item())
        if options.steps:
            print(step, losses[-1], f'{(time.time() - started) / step:.3f} s a step', flush=True)
        elif step % run['evalEvery'] == 0 or step == total:
            nll = validate(model, valid)
            curve.append(dict(step=step, lr=lr, trainLoss=losses[-1], validNll=nll))
            kept.append((nll, step))
            write_safetensors(path(f'step-{step}.safetensors'), model.state())
            for one in kept[:-KEEP]:
                if one != min(kept) and os.path.exists(path(f'step-{one[1]}.safetensors')):
                    os.remove(path(f'step-{one[1]}.safetensors'))
            seconds = time.time() - started
            torch.save(dict(model=model.state_dict(), optimizer=optimizer.state_dict(), step=step, curve=curve,
                            losses=losses, kept=kept, seconds=seconds), path('twin.tmp'))
            os.replace(path('twin.tmp'), path('twin.pt'))
            print(f'step {step} loss {losses[-1]:.4f} valid {nll:.4f} {seconds:.0f} s', flush=True)
    if not options.steps:
        with open(path('record.json'), 'w') as file:
            json.dump(dict(run=run, torch=torch.__version__, steps=step, seconds=seconds, losses=losses, curve=curve,
                           evaluations=[dict(step=s, validNll=n) for n, s in kept]), file)


main()
