"""What the architectures compute, in float64, written from the papers and from the documentation of config.json: loops over
heads and positions, no packed kernels. `w` is a map from the tensors' names to arrays, without what stands before all of them."""
import math

import numpy as np


def layer_norm(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + eps) * weight + bias


def rms_norm(x, weight, eps):
    return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + eps) * weight


def gelu_new(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def silu(x):
    return x / (1 + np.exp(-x))


def linear(w, name, x):
    """PyTorch's nn.Linear: the weight is (out, in)."""
    y = x @ w[name + '.weight'].T
    return y + w[name + '.bias'] if name + '.bias' in w else y


def attention(q, k, v, causal):
    """One head: q (T, d), k and v (S, d)."""
    out = np.zeros_like(q)
    for t in range(len(q)):
        seen = t + 1 if causal else len(k)
        scores = k[:seen] @ q[t] / math.sqrt(q.shape[1])
        weights = np.exp(scores - scores.max())
        out[t] = weights @ v[:seen] / weights.sum()
    return out


def joined_heads(q, k, v, heads, kv_heads, causal):
    """q (T, heads · d), k and v (T, kv_heads · d): every key is for heads / kv_heads queries in a row."""
    q, k, v = (np.split(x, n, 1) for x, n in ((q, heads), (k, kv_heads), (v, kv_heads)))
    return np.concatenate([attention(q[h], k[h * kv_heads // heads], v[h * kv_heads // heads], causal)
                           for h in range(heads)], 1)


def gpt2(w, config, ids):
    """Logits (T, vocabulary), and the stream behind the embeddings, behind each layer, and behind the last norm."""
    width, eps = config['n_embd'], config['layer_norm_epsilon']
    x = w['wte.weight'][ids] + w['wpe.weight'][:len(ids)]
    hidden = [x]
    for n in range(config['n_layer']):
        at = f'h.{n}.'
        h = layer_norm(x, w[at + 'ln_1.weight'], w[at + 'ln_1.bias'], eps)
        qkv = h @ w[at + 'attn.c_attn.weight'] + w[at + 'attn.c_attn.bias']
        q, k, v = (qkv[:, i * width:(i + 1) * width] for i in range(3))
        joined = joined_heads(q, k, v, config['n_head'], config['n_head'], True)
        x = x + joined @ w[at + 'attn.c_proj.weight'] + w[at + 'attn.c_proj.bias']
        h = layer_norm(x, w[at + 'ln_2.weight'], w[at + 'ln_2.bias'], eps)
        h = gelu_new(h @ w[at + 'mlp.c_fc.weight'] + w[at + 'mlp.c_fc.bias'])
        x = x + h @ w[at + 'mlp.c_proj.weight'] + w[at + 'mlp.c_proj.bias']
        hidden.append(x)
    hidden.append(layer_norm(x, w['ln_f.weight'], w['ln_f.bias'], eps))
    return hidden[-1] @ w['wte.weight'].T, hidden


def frequencies(config):
    """Radians a position that each pair of components turns, as the scaling stretches them."""
    width = config['hidden_size'] // config['num_attention_heads']
    found = []
    scaling = config.get('rope_scaling') or {'rope_type': 'default'}
    kind = scaling.get('rope_type', scaling.get('type'))
    for i in range(width // 2):
        f = config['rope_theta'] ** (-2 * i / width)
        if kind == 'linear':
            f /= scaling['factor']
        if kind == 'llama3':
            length = scaling['original_max_position_embeddings']
            wave = 2 * math.pi / f
            if wave > length / scaling['low_freq_factor']:
                f /= scaling['factor']
            elif wave >= length / scaling['high_freq_factor']:
                low, high = scaling['low_freq_factor'], scaling['high_freq_factor']
                share = (length / wave - low) / (high - low)
                f = (1 - share) * f / scaling['factor'] + share * f
        found.append(f)
    return np.array(found)


def turned(x, angles, heads):
    """Every head (T, d) of x: components i and i + d/2 turn by their angle (T, d/2)."""
    out = []
    for head in np.split(x, heads, 1):
        a, b = np.split(head, 2, 1)
        out += [a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)]
    return np.concatenate(out, 1)


def llama(w, config, ids):
    """Llama and Qwen2: they differ in which projections have a bias."""
    heads, kv_heads, eps = config['num_attention_heads'], config['num_key_value_heads'], config['rms_norm_eps']
    angles = np.outer(np.arange(len(ids)), frequencies(config))
    x = w['embed_tokens.weight'][ids]
    for n in range(config['num_hidden_layers']):
        at = f'layers.{n}.'
        h = rms_norm(x, w[at + 'input_layernorm.weight'], eps)
        q, k, v = (linear(w, f'{at}self_attn.{part}_proj', h) for part in 'qkv')
        joined = joined_heads(turned(q, angles, heads), turned(k, angles, kv_heads), v, heads, kv_heads, True)
        x = x + linear(w, at + 'self_attn.o_proj', joined)
        h = rms_norm(x, w[at + 'post_attention_layernorm.weight'], eps)
        h = silu(linear(w, at + 'mlp.gate_proj', h)) * linear(w, at + 'mlp.up_proj', h)
        x = x + linear(w, at + 'mlp.down_proj', h)
    x = rms_norm(x, w['norm.weight'], eps)
    return x @ w['embed_tokens.weight' if config['tie_word_embeddings'] else 'lm_head.weight'].T


def bert(w, config, ids, segments):
    """Hidden vectors (T, width) of one text, without padding."""
    heads, eps = config['num_attention_heads'], config['layer_norm_eps']

    def norm(name, x):
        return layer_norm(x, w[name + '.weight'], w[name + '.bias'], eps)

    x = (w['embeddings.word_embeddings.weight'][ids] + w['embeddings.position_embeddings.weight'][:len(ids)]
         + w['embeddings.token_type_embeddings.weight'][segments])
    x = norm('embeddings.LayerNorm', x)
    for n in range(config['num_hidden_layers']):
        at = f'encoder.layer.{n}.'
        q, k, v = (linear(w, f'{at}attention.self.{part}', x) for part in ('query', 'key', 'value'))
        joined = joined_heads(q, k, v, heads, heads, False)
        x = norm(at + 'attention.output.LayerNorm', x + linear(w, at + 'attention.output.dense', joined))
        h = linear(w, at + 'output.dense', gelu(linear(w, at + 'intermediate.dense', x)))
        x = norm(at + 'output.LayerNorm', x + h)
    return x


def bert_tokens(w, config, x):
    """Logits (T, vocabulary) of the masked-token head."""
    h = gelu(linear(w, 'cls.predictions.transform.dense', x))
    name = 'cls.predictions.transform.LayerNorm'
    h = layer_norm(h, w[name + '.weight'], w[name + '.bias'], config['layer_norm_eps'])
    return h @ w['embeddings.word_embeddings.weight'].T + w['cls.predictions.bias']


def bert_pooled(w, head, x):
    """Logits of a head on the first position's pooled vector."""
    return linear(w, head, np.tanh(linear(w, 'pooler.dense', x[:1])))[0]


def vit(w, config, pixels):
    """Logits (labels) of one image (channels, height, width)."""
    size, heads, eps = config['patch_size'], config['num_attention_heads'], config['layer_norm_eps']

    def norm(name, x):
        return layer_norm(x, w[name + '.weight'], w[name + '.bias'], eps)

    kernel, bias = (w['embeddings.patch_embeddings.projection.' + name] for name in ('weight', 'bias'))
    side = config['image_size'] // size
    patches = [[(kernel * pixels[:, r * size:(r + 1) * size, c * size:(c + 1) * size]).sum((1, 2, 3)) + bias
                for c in range(side)] for r in range(side)]
    x = np.concatenate([w['embeddings.cls_token'][0], np.array(patches).reshape(side * side, -1)])
    x = x + w['embeddings.position_embeddings'][0]
    for n in range(config['num_hidden_layers']):
        at = f'encoder.layer.{n}.'
        h = norm(at + 'layernorm_before', x)
        q, k, v = (linear(w, f'{at}attention.attention.{part}', h) for part in ('query', 'key', 'value'))
        x = x + linear(w, at + 'attention.output.dense', joined_heads(q, k, v, heads, heads, False))
        h = linear(w, at + 'intermediate.dense', norm(at + 'layernorm_after', x))
        x = x + linear(w, at + 'output.dense', gelu(h))
    return linear(w, 'classifier', norm('layernorm', x)[:1])[0]
