"""Byte-level byte-pair encoding: learnt from text, applied to it, and written as Hugging Face's `tokenizer.json`."""

import json
import re
from collections import Counter, defaultdict
from functools import lru_cache

END = "<|endoftext|>"  # between tales, and so at the beginning and the end of each
# A newline never joins a word; an apostrophe before a letter is a contraction only where nothing follows it, since
# these tales also quote speech with it. The first form is for tokenizer.json, the second says the same to `re`.
SPLIT = r"'(?:s|t|re|ve|m|ll|d)(?!\p{L})| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\n+|[^\S\n]+"
WORD = re.compile(r"'(?:s|t|re|ve|m|ll|d)(?![^\W\d_])| ?[^\W\d_]+| ?\d| ?(?:[^\s\w]|_)+|\n+|[^\S\n]+")


def byte_letters():
    """The printable letter that stands for each byte in a `tokenizer.json`, as GPT-2 chose them."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {**{byte: chr(byte) for byte in shown}, **{byte: chr(256 + place) for place, byte in enumerate(hidden)}}


LETTERS = byte_letters()


def spelled(word):
    return tuple(LETTERS[byte] for byte in word.encode())


def joined(pieces, pair):
    """The pieces with every occurrence of the pair made one."""
    made, place = [], 0
    while place < len(pieces):
        if pieces[place : place + 2] == pair:
            made.append(pair[0] + pair[1])
            place += 2
        else:
            made.append(pieces[place])
            place += 1
    return tuple(made)


def learn(texts, size):
    """The merges, in order, that make a vocabulary of `size`: the end mark, 256 bytes, and one piece a merge."""
    counts = Counter(word for text in texts for word in WORD.findall(text))
    words = [spelled(word) for word in counts]
    times = list(counts.values())
    pairs, where = Counter(), defaultdict(set)

    def note(index, sign):
        for pair in zip(words[index], words[index][1:]):
            pairs[pair] += sign * times[index]
            where[pair].add(index)

    for index in range(len(words)):
        note(index, 1)
    merges = []
    while len(merges) < size - 257:
        pair = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(pair)
        for index in where.pop(pair):
            if pair in zip(words[index], words[index][1:]):
                note(index, -1)
                words[index] = joined(words[index], pair)
                note(index, 1)
        del pairs[pair]
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = merges
        pieces = [END, *LETTERS.values(), *(left + right for left, right in merges)]
        self.ids = {piece: number for number, piece in enumerate(pieces)}
        self.pieces = pieces
        self.end = 0
        ranks = {pair: rank for rank, pair in enumerate(merges)}

        @lru_cache(maxsize=None)
        def encode_word(word):
            pieces = spelled(word)
            while len(pieces) > 1:
                best = min(zip(pieces, pieces[1:]), key=lambda pair: ranks.get(pair, len(ranks)))
                if best not in ranks:
                    break
                pieces = joined(pieces, best)
            return [self.ids[piece] for piece in pieces]

        self._encode_word = encode_word

    def encode(self, text):
        return [number for word in WORD.findall(text) for number in self._encode_word(word)]

    def decode(self, numbers):
        bytes_of = {letter: byte for byte, letter in LETTERS.items()}
        letters = "".join(self.pieces[number] for number in numbers if number != self.end)
        return bytes(bytes_of[letter] for letter in letters).decode(errors="replace")

    def write(self, folder, context):
        """`tokenizer.json` and `tokenizer_config.json`."""
        end = {"id": self.end, "content": END, "single_word": False, "lstrip": False, "rstrip": False}
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        split = {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False}
        first = {"SpecialToken": {"id": END, "type_id": 0}}
        tokenizer = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{**end, "normalized": False, "special": True}],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [first, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
                "special_tokens": {END: {"id": END, "ids": [self.end], "tokens": [END]}},
            },
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "vocab": self.ids,
                "merges": [f"{left} {right}" for left, right in self.merges],
            },
        }
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": END,
            "eos_token": END,
            "clean_up_tokenization_spaces": False,
            "model_max_length": context,
            # There is no dialogue in the data: the turns are one text, and each goes on where the last one ended.
            "chat_template": "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}",
        }
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")

    @classmethod
    def read(cls, folder):
        merges = json.loads((folder / "tokenizer.json").read_text())["model"]["merges"]
        return cls([tuple(merge.split(" ")) for merge in merges])
