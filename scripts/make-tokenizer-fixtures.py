"""
Makes test/fixtures/tokenizers/: small tokenizers in the shapes of published families, trained on texts of this
repository, and what the Rust library says of the lines of test/tokenizers/lines.mjs.

    pip install tokenizers==0.23.2
    python3 scripts/make-tokenizer-fixtures.py

Run it from the repository's root after a build. Training is the library's; it is not the same on every machine, so the
files are committed.
"""

import gzip
import hashlib
import json
import subprocess
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = Path("test/fixtures/tokenizers")
LINES = """
import { mixedLines, oddLines } from './test/tokenizers/lines.mjs';
console.log(JSON.stringify({ mixed: mixedLines(2000).map((l) => l.toWellFormed()), odd: oddLines }));
"""
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def lines():
    run = subprocess.run(["node", "--input-type=module", "-e", LINES], capture_output=True, check=True)
    return json.loads(run.stdout)


def corpus(mixed):
    texts = gzip.open("data/kjv/genesis-1-37.txt.gz", "rt").read().splitlines()[:600]
    code = [path.read_text() for path in sorted(Path("src/text").glob("*.ts")) if path.name != "unicode-table.ts"]
    # U+FFFD, which stands for halves of surrogate pairs, is to be a character without a word.
    return [text.replace("\ufffd", "") for text in mixed + texts + code]


def special(*names):
    return [AddedToken(name, special=True, normalized=False) for name in names]


def save(name, tokenizer, change=None):
    data = json.loads(tokenizer.to_str())
    if change:
        change(data)
    (OUT / f"{name}.json").write_text(json.dumps(data, ensure_ascii=True, separators=(",", ":")) + "\n")


def byte_level(texts, split, marks, normalizer=None, size=620):
    tokenizer = Tokenizer(models.BPE(ignore_merges=marks[0].content == "<|begin_of_text|>"))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_special_tokens(marks)
    return tokenizer


def regex_split(pattern):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def llama3(texts):
    made = byte_level(texts, regex_split(LLAMA3), special("<|begin_of_text|>", "<|eot_id|>"))
    begin = made.token_to_id("<|begin_of_text|>")
    template = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        special_tokens=[("<|begin_of_text|>", begin)],
    )  # fmt: skip
    made.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    save("llama3", made)


def qwen2(texts):
    marks = special("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    made = byte_level(texts, regex_split(QWEN2), marks, normalizers.NFC())
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.add_tokens([AddedToken("added", normalized=True, single_word=True, lstrip=True)])
    save("qwen2", made)


def smollm2(texts):
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    save("smollm2", byte_level(texts, split, special("<|endoftext|>", "<|im_start|>", "<|im_end|>"), size=560))


def llama2(texts):
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    trainer = trainers.BpeTrainer(
        vocab_size=700, limit_alphabet=120, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    made.pre_tokenizer = None
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )

    def with_bytes(data):
        words = sorted(data["model"]["vocab"], key=data["model"]["vocab"].get)
        words[3:3] = [f"<0x{byte:02X}>" for byte in range(256)]
        data["model"]["vocab"] = {word: i for i, word in enumerate(words)}
        start = {"SpecialToken": {"id": "<s>", "type_id": 0}}
        first, second = ({"Sequence": {"id": name, "type_id": i}} for i, name in enumerate("AB"))
        data["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [start, first],
            "pair": [start, first, {"SpecialToken": {"id": "<s>", "type_id": 1}}, second],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        }

    save("llama2", made, with_bytes)


def metaspace(texts):
    """Llama 2 as newer files have it."""
    data = json.loads((OUT / "llama2.json").read_text())
    data["normalizer"] = None
    data["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    (OUT / "llama2-metaspace.json").write_text(json.dumps(data, ensure_ascii=True, separators=(",", ":")) + "\n")


def bert_cased(texts):
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=700, limit_alphabet=250, special_tokens=names, show_progress=False)
    )
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.decoder = decoders.WordPiece()
    save("bert-cased", made)


def bert_uncased(texts):
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=700, limit_alphabet=250, special_tokens=names, show_progress=False)
    )
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.decoder = decoders.WordPiece()
    save("bert-uncased", made)


def unigram(texts):
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=600, unk_token="<unk>", special_tokens=["<pad>", "</s>", "<unk>"], show_progress=False
    )
    # The trainer would take a special token that it meets in a text for another word.
    made.train_from_iterator([text for text in texts if "</s>" not in text], trainer)
    made.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    made.add_special_tokens([AddedToken("<mask>", special=True, lstrip=True, normalized=False)])
    save("unigram", made)


def small_pieces(texts):
    """No published family: every other part that is read."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]", continuing_subword_prefix="@@"))
    made.normalizer = normalizers.Sequence(
        [normalizers.Strip(), normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.NFKD()]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split("-", "merged_with_previous"),
            pre_tokenizers.Split("_", "merged_with_next"),
            pre_tokenizers.Punctuation("contiguous"),
            pre_tokenizers.Digits(),
            pre_tokenizers.Whitespace(),
            pre_tokenizers.Split(Regex(r"[\p{Lu}\p{Lt}]?[\p{Ll}\p{Lm}]+|\p{Lo}+|\P{L}"), "removed", invert=True),
        ]
    )
    trainer = trainers.WordPieceTrainer(
        vocab_size=500, limit_alphabet=200, special_tokens=["[UNK]"], continuing_subword_prefix="@@", show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    made.decoder = decoders.WordPiece("@@", cleanup=False)
    made.add_tokens([AddedToken("added", normalized=True, rstrip=True)])
    save("small-pieces", made)


def judge(name, data):
    tokenizer = Tokenizer.from_file(str(OUT / f"{name}.json"))

    def both(line):
        ids = tokenizer.encode(line).ids
        return [ids, tokenizer.decode(ids, skip_special_tokens=True)]

    rows = json.dumps([both(line) for line in data["mixed"]], ensure_ascii=False, separators=(",", ":"))
    return {"sha256": hashlib.sha256(rows.encode()).hexdigest(), "odd": [both(line) for line in data["odd"]]}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    data = lines()
    texts = corpus(data["mixed"])
    for make in (llama3, qwen2, smollm2, llama2, metaspace, bert_cased, bert_uncased, unigram, small_pieces):
        make(texts)
    names = sorted(path.stem for path in OUT.glob("*.json") if path.stem != "expected")
    expected = {name: judge(name, data) for name in names}
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=True, separators=(",", ":")) + "\n")


main()
