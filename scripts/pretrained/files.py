"""Safetensors files and folders as Hugging Face writes them, without its library."""
import json
import os
import struct

import numpy as np


def bfloat16_bits(value):
    """Float32 values that bfloat16 holds exactly, as its 16 bits."""
    bits = np.ascontiguousarray(value, '<f4').view('<u4')
    assert not (bits & 0xffff).any()
    return (bits >> 16).astype('<u2')


def rounded(value, dtype):
    """The nearest float32 values that `dtype` holds."""
    value = value.astype(np.float32)
    if dtype == 'F16':
        return value.astype(np.float16).astype(np.float32)
    if dtype == 'BF16':
        bits = value.view(np.uint32).astype(np.uint64)
        bits = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000
        return bits.astype(np.uint32).view(np.float32)
    return value


def write_safetensors(path, tensors, dtype='F32'):
    encode = {'F32': lambda v: v.astype('<f4'), 'F16': lambda v: v.astype('<f2'), 'BF16': bfloat16_bits}[dtype]
    header, offset, data = {'__metadata__': {'format': 'pt'}}, 0, []
    for name, value in tensors.items():
        data.append(encode(value).tobytes())
        header[name] = {'dtype': dtype, 'shape': list(value.shape), 'data_offsets': [offset, offset + len(data[-1])]}
        offset += len(data[-1])
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        for part in data:
            file.write(part)


def read_safetensors(path):
    """Name to float32 array, of a file that has F32 alone."""
    with open(path, 'rb') as file:
        data = file.read()
    (length,) = struct.unpack('<Q', data[:8])
    header = json.loads(data[8:8 + length])
    header.pop('__metadata__', None)
    tensors = {}
    for name, entry in header.items():
        assert entry['dtype'] == 'F32', f'{name} is {entry["dtype"]}'
        begin, end = (8 + length + offset for offset in entry['data_offsets'])
        tensors[name] = np.frombuffer(data[begin:end], '<f4').reshape(entry['shape'])
    return tensors


def read_folder(folder):
    """config.json, and all tensors of its files."""
    with open(os.path.join(folder, 'config.json')) as file:
        config = json.load(file)
    tensors = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith('.safetensors'):
            tensors.update(read_safetensors(os.path.join(folder, name)))
    return config, tensors


def write_json(path, value, indent=None):
    with open(path, 'w') as file:
        json.dump(value, file, indent=indent)
        file.write('\n')


def write_folder(folder, config, tensors, golden, shards=1):
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, 'config.json'), config, 2)
    dtype = {'float32': 'F32', 'float16': 'F16', 'bfloat16': 'BF16'}[config['torch_dtype']]
    if shards == 1:
        write_safetensors(os.path.join(folder, 'model.safetensors'), tensors, dtype)
    else:
        names, index = list(tensors), {}
        for i in range(shards):
            file = f'model-{i + 1:05}-of-{shards:05}.safetensors'
            part = names[i * len(names) // shards:(i + 1) * len(names) // shards]
            write_safetensors(os.path.join(folder, file), {name: tensors[name] for name in part}, dtype)
            index.update({name: file for name in part})
        total = sum(value.size for value in tensors.values()) * (4 if dtype == 'F32' else 2)
        write_json(os.path.join(folder, 'model.safetensors.index.json'),
                   {'metadata': {'total_size': total}, 'weight_map': index}, 2)
    write_json(os.path.join(folder, 'golden.json'), golden)
