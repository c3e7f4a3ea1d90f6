#!/usr/bin/env python3
"""Makes test/fixtures/pretrained/: folders as Hugging Face writes them, with random weights, and what the architecture
computes from them, in float64 by numpy and nothing else (`pretrained/formulas.py`). For test/interop/.

    python3 scripts/make-pretrained-goldens.py

golden.json has the inputs and the logits; of language models the tokens, too, that greedy choice appends. Shapes of Llama, BERT
and ViT are those of the modules in `pretrained/modules.py`, which needs PyTorch (Debian's python3-torch); keys.json has all keys and
shapes of these modules, tied ones under both names.
"""
import json
import math
import os

import numpy as np

from pretrained import formulas
from pretrained.files import rounded, write_folder, write_json
from pretrained.modules import make

OUT = os.path.join(os.path.dirname(__file__), '..', 'test', 'fixtures', 'pretrained')
GENERAL = {'initializer_range': 0.02, 'use_cache': True, 'torch_dtype': 'float32'}


def gpt2():
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
    tensors = {f'transformer.{name}': value for name, value in weights.items()}
    return config, tensors, lambda w, ids: formulas.gpt2(w, config, ids)[0]


def of_llama(own, seed, vary):
    """A language model of Llama's kind."""
    config = {'vocab_size': 19, 'max_position_embeddings': 32, 'hidden_size': 16, 'intermediate_size': 20,
              'num_hidden_layers': 2, 'num_attention_heads': 4, 'num_key_value_heads': 2, 'hidden_act': 'silu',
              'rms_norm_eps': 1e-6, 'rope_theta': 10000.0, 'rope_scaling': None, 'attention_dropout': 0.0,
              'tie_word_embeddings': False, **GENERAL, **own}
    return config, random_weights(config, seed, vary), lambda w, ids: formulas.llama(w, config, ids)


def random_weights(config, seed, vary=0.5):
    """Of the tensors of the module, each once; norms near 1, so that no layer drowns the others."""
    random, dtype = np.random.RandomState(seed), {'float16': 'F16', 'bfloat16': 'BF16'}.get(config['torch_dtype'], 'F32')
    module = make(config)
    weights = {}
    for name, parameter in module.named_parameters():
        values = random.normal(0, vary, tuple(parameter.shape))
        weights[name] = rounded(values + ('norm' in name.lower() and name.endswith('weight')), dtype)
    return weights


def bare(weights, prefix):
    """In float64, without what stands before the names."""
    return {name.removeprefix(prefix): value.astype(np.float64) for name, value in weights.items()}


def language(name, config, weights, run, shards=1):
    prefix = 'transformer.' if config['model_type'] == 'gpt2' else 'model.'
    exact = bare(weights, prefix)
    ids = [3, 17, 0, 5, 5, 11, 2]
    logits, text, margin = run(exact, ids), ids[:3], math.inf
    for _ in range(20):
        last = run(exact, text)[-1]
        best = np.sort(last)[-2:]
        margin = min(margin, best[1] - best[0])
        text = text + [int(last.argmax())]
    assert margin > 1e-3, 'a tie would make the greedy tokens a matter of rounding'
    assert name == 'gpt2' or len(set(text[3:])) > 3, 'a text of one token shows nothing'
    golden = {'ids': ids, 'logits': logits.ravel().tolist(), 'prompt': ids[:3], 'greedy': text[3:]}
    write_folder(os.path.join(OUT, name), config, weights, golden, shards)
    print(f'{name}: {sum(v.size for v in weights.values())} weights, margin {margin:.3f}')


def bert(name, own, seed):
    """Two texts, the second shorter: with padding they are one batch."""
    config = {'model_type': 'bert', 'vocab_size': 23, 'hidden_size': 12, 'num_hidden_layers': 2,
              'num_attention_heads': 3, 'intermediate_size': 20, 'hidden_act': 'gelu', 'hidden_dropout_prob': 0.1,
              'attention_probs_dropout_prob': 0.1, 'max_position_embeddings': 16, 'type_vocab_size': 2,
              'layer_norm_eps': 1e-12, 'pad_token_id': 0, 'position_embedding_type': 'absolute', **GENERAL, **own}
    weights = random_weights(config, seed)
    exact = bare(weights, 'bert.')
    texts = [([1, 7, 22, 9, 2, 4, 13, 2], [0, 0, 0, 0, 0, 1, 1, 1]), ([1, 5, 5, 2, 18], [0, 0, 0, 0, 1])]
    hidden = [formulas.bert(exact, config, ids, segments) for ids, segments in texts]
    golden = {'ids': [ids for ids, _ in texts], 'segments': [segments for _, segments in texts]}
    if 'classifier.weight' in exact:
        golden['classes'] = [formulas.bert_pooled(exact, 'classifier', x).tolist() for x in hidden]
    else:
        golden['logits'] = [formulas.bert_tokens(exact, config, x).ravel().tolist() for x in hidden]
        golden['nextSentence'] = [formulas.bert_pooled(exact, 'cls.seq_relationship', x).tolist() for x in hidden]
    write_folder(os.path.join(OUT, name), config, weights, golden)
    print(f'{name}: {sum(v.size for v in weights.values())} weights')


def vit():
    config = {'model_type': 'vit', 'architectures': ['ViTForImageClassification'], 'hidden_size': 12,
              'num_hidden_layers': 2, 'num_attention_heads': 3, 'intermediate_size': 20, 'hidden_act': 'gelu',
              'hidden_dropout_prob': 0.0, 'attention_probs_dropout_prob': 0.0, 'layer_norm_eps': 1e-12,
              'image_size': 12, 'patch_size': 4, 'num_channels': 3, 'qkv_bias': True, 'encoder_stride': 16,
              'id2label': {str(i): f'kind {i}' for i in range(5)}, 'label2id': {f'kind {i}': i for i in range(5)},
              'initializer_range': 0.02, 'torch_dtype': 'float32'}
    weights = random_weights(config, 31)
    pixels = np.random.RandomState(32).normal(0, 1, (2, 3, 12, 12)).astype(np.float32)
    exact = bare(weights, 'vit.')
    logits = [formulas.vit(exact, config, image.astype(np.float64)).tolist() for image in pixels]
    golden = {'pixels': [float(x) for x in pixels.ravel()], 'logits': logits}
    write_folder(os.path.join(OUT, 'vit'), config, weights, golden)
    print(f'vit: {sum(v.size for v in weights.values())} weights')


def main():
    language('gpt2', *gpt2())
    llama = {'model_type': 'llama', 'architectures': ['LlamaForCausalLM'], 'attention_bias': False, 'mlp_bias': False}
    language('llama', *of_llama({**llama, 'rope_scaling': {'type': 'linear', 'factor': 2.5}, 'attention_bias': True,
                                 'pretraining_tp': 1, 'num_key_value_heads': 1}, 21, 0.6))
    scaling = {'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0,
               'original_max_position_embeddings': 32}
    language('llama3', *of_llama({**llama, 'rope_scaling': scaling, 'rope_theta': 30.0, 'tie_word_embeddings': True,
                                  'max_position_embeddings': 64, 'head_dim': 8, 'num_attention_heads': 2,
                                  'torch_dtype': 'bfloat16'}, 22, 0.6))
    language('smollm2', *of_llama({**llama, 'is_llama_config': True, 'rope_interleaved': False, 'rope_theta': 100000,
                                   'tie_word_embeddings': True, 'torch_dtype': 'float16', 'rms_norm_eps': 1e-5}, 23, 0.6))
    language('qwen2', *of_llama({'model_type': 'qwen2', 'architectures': ['Qwen2ForCausalLM'], 'rope_theta': 1000000.0,
                                 'max_window_layers': 21, 'sliding_window': 32768, 'use_sliding_window': False}, 24, 0.6),
             shards=2)
    bert('bert', {'architectures': ['BertForPreTraining']}, 26)
    labels = {str(i): f'LABEL_{i}' for i in range(3)}
    bert('bert-classifier', {'architectures': ['BertForSequenceClassification'], 'id2label': labels,
                             'label2id': {name: int(i) for i, name in labels.items()},
                             'problem_type': 'single_label_classification', 'classifier_dropout': None}, 27)
    vit()
    keys = {}
    for name in sorted(os.listdir(OUT)):
        if os.path.isdir(os.path.join(OUT, name)):
            with open(os.path.join(OUT, name, 'config.json')) as file:
                module = make(json.load(file))
            keys[name] = {key: list(value.shape) for key, value in module.state_dict().items()}
    write_json(os.path.join(OUT, 'keys.json'), keys)


if __name__ == '__main__':
    main()
