"""PyTorch modules with the attribute names of Hugging Face's classes, so that `state_dict()` has their keys and shapes. They
compute nothing: they are what a file is loaded into with `strict=True`, and what fixtures get their shapes from."""
from torch import nn, empty


class Tree(nn.Module):
    """Modules and parameters under dotted names, in their order."""

    def __init__(self, parts):
        super().__init__()
        for name, part in parts.items():
            at, own = self, name.split('.')
            for step in own[:-1]:
                if not hasattr(at, step):
                    at.add_module(step, nn.Module())
                at = getattr(at, step)
            if isinstance(part, nn.Parameter):
                at.register_parameter(own[-1], part)
            else:
                at.add_module(own[-1], part)


class Scale(nn.Module):
    """A norm without a bias."""

    def __init__(self, width):
        super().__init__()
        self.weight = parameter(width)


class Conv1D(nn.Module):
    """GPT-2's: the weight is (in, out)."""

    def __init__(self, inner, out):
        super().__init__()
        self.weight, self.bias = parameter(inner, out), parameter(out)


def parameter(*shape):
    return nn.Parameter(empty(*shape))


def gpt2(config):
    width = config['n_embd']
    inner = config.get('n_inner') or 4 * width
    parts = {'transformer.wte': nn.Embedding(config['vocab_size'], width),
             'transformer.wpe': nn.Embedding(config['n_positions'], width)}
    for n in range(config['n_layer']):
        at = f'transformer.h.{n}.'
        parts.update({at + 'ln_1': nn.LayerNorm(width), at + 'attn.c_attn': Conv1D(width, 3 * width),
                      at + 'attn.c_proj': Conv1D(width, width), at + 'ln_2': nn.LayerNorm(width),
                      at + 'mlp.c_fc': Conv1D(width, inner), at + 'mlp.c_proj': Conv1D(inner, width)})
    parts['transformer.ln_f'] = nn.LayerNorm(width)
    return with_output(parts, config.get('tie_word_embeddings', True), 'transformer.wte')


def with_output(parts, tied, table):
    out = nn.Linear(*reversed(parts[table].weight.shape), bias=False)
    if tied:
        out.weight = parts[table].weight
    return Tree({**parts, 'lm_head': out})


def llama(config):
    width, inner = config['hidden_size'], config['intermediate_size']
    kv = width // config['num_attention_heads'] * config['num_key_value_heads']
    qwen = config['model_type'] == 'qwen2'
    out, ffn = config.get('attention_bias', False), config.get('mlp_bias', False)
    parts = {'model.embed_tokens': nn.Embedding(config['vocab_size'], width)}
    for n in range(config['num_hidden_layers']):
        at = f'model.layers.{n}.'
        for part, size in (('q', width), ('k', kv), ('v', kv)):
            parts[f'{at}self_attn.{part}_proj'] = nn.Linear(width, size, bias=qwen or out)
        parts[at + 'self_attn.o_proj'] = nn.Linear(width, width, bias=out)
        parts[at + 'mlp.gate_proj'] = nn.Linear(width, inner, bias=ffn)
        parts[at + 'mlp.up_proj'] = nn.Linear(width, inner, bias=ffn)
        parts[at + 'mlp.down_proj'] = nn.Linear(inner, width, bias=ffn)
        parts[at + 'input_layernorm'] = Scale(width)
        parts[at + 'post_attention_layernorm'] = Scale(width)
    parts['model.norm'] = Scale(width)
    return with_output(parts, config['tie_word_embeddings'], 'model.embed_tokens')


def encoder(parts, at, config, names):
    """Layers of BERT and ViT, which call their parts alike but for the norms."""
    width, inner = config['hidden_size'], config['intermediate_size']
    for n in range(config['num_hidden_layers']):
        layer = f'{at}encoder.layer.{n}.'
        for part in ('query', 'key', 'value'):
            parts[f'{layer}{names["attention"]}.{part}'] = nn.Linear(width, width)
        parts[layer + 'attention.output.dense'] = nn.Linear(width, width)
        parts[layer + names['first']] = nn.LayerNorm(width)
        parts[layer + 'intermediate.dense'] = nn.Linear(width, inner)
        parts[layer + 'output.dense'] = nn.Linear(inner, width)
        parts[layer + names['second']] = nn.LayerNorm(width)


def labels(config):
    return len(config['id2label']) if 'id2label' in config else config.get('num_labels', 2)


def bert(config):
    width, [architecture] = config['hidden_size'], config['architectures']
    parts = {'bert.embeddings.word_embeddings': nn.Embedding(config['vocab_size'], width),
             'bert.embeddings.position_embeddings': nn.Embedding(config['max_position_embeddings'], width),
             'bert.embeddings.token_type_embeddings': nn.Embedding(config['type_vocab_size'], width),
             'bert.embeddings.LayerNorm': nn.LayerNorm(width)}
    encoder(parts, 'bert.', config, {'attention': 'attention.self', 'first': 'attention.output.LayerNorm',
                                     'second': 'output.LayerNorm'})
    if architecture != 'BertForMaskedLM':
        parts['bert.pooler.dense'] = nn.Linear(width, width)
    if architecture == 'BertForSequenceClassification':
        return Tree({**parts, 'classifier': nn.Linear(width, labels(config))})
    if architecture == 'BertForNextSentencePrediction':
        return Tree({**parts, 'cls.seq_relationship': nn.Linear(width, 2)})
    bias, decoder = parameter(config['vocab_size']), nn.Linear(width, config['vocab_size'])
    decoder.bias = bias
    if config.get('tie_word_embeddings', True):
        decoder.weight = parts['bert.embeddings.word_embeddings'].weight
    parts.update({'cls.predictions.bias': bias, 'cls.predictions.transform.dense': nn.Linear(width, width),
                  'cls.predictions.transform.LayerNorm': nn.LayerNorm(width), 'cls.predictions.decoder': decoder})
    if architecture == 'BertForPreTraining':
        parts['cls.seq_relationship'] = nn.Linear(width, 2)
    return Tree(parts)


def vit(config):
    width, size, channels = config['hidden_size'], config['patch_size'], config['num_channels']
    parts = {'vit.embeddings.cls_token': parameter(1, 1, width),
             'vit.embeddings.position_embeddings': parameter(1, (config['image_size'] // size) ** 2 + 1, width),
             'vit.embeddings.patch_embeddings.projection': nn.Conv2d(channels, width, size, size)}
    encoder(parts, 'vit.', config, {'attention': 'attention.attention', 'first': 'layernorm_before',
                                    'second': 'layernorm_after'})
    return Tree({**parts, 'vit.layernorm': nn.LayerNorm(width), 'classifier': nn.Linear(width, labels(config))})


def make(config):
    return {'gpt2': gpt2, 'llama': llama, 'qwen2': llama, 'bert': bert, 'vit': vit}[config['model_type']](config)
