"""The text as passages, and their words as the pieces of a tokenizer."""

import json
import re
import unicodedata
from collections import Counter
from functools import lru_cache

import numpy as np
from scipy import sparse

END = "<|endoftext|>"
WORDS_A_PASSAGE = 60
SPECIAL = ["[PAD]", "[UNK]"]
WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
SENTENCE = re.compile(r"(?<=[.!?;:'\"]) +|\n+")


def tales(path):
    return [tale.strip() for tale in path.read_text().split(END) if tale.strip()]


def words_of(text):
    """Lower case without accents, as BertNormalizer and BertPreTokenizer do for the letters of these texts."""
    spelled = unicodedata.normalize("NFD", text.lower())
    return WORD.findall("".join(letter for letter in spelled if unicodedata.category(letter) != "Mn"))


def passages_of(tale):
    """Lists of sentences: whole ones, until there are enough words."""
    made, current, count = [], [], 0
    for sentence in SENTENCE.split(tale):
        words = words_of(sentence)
        if not words:
            continue
        current.append(words)
        count += len(words)
        if count >= WORDS_A_PASSAGE:
            made.append(current)
            current, count = [], 0
    return made


class Pieces:
    """WordPiece over the most frequent words, with letters and endings for the rest."""

    def __init__(self, counts, size):
        letters = sorted({letter for word, times in counts.items() if times > 20 for letter in word})
        ends = Counter()
        for word, times in counts.items():
            for length in (2, 3, 4):
                if len(word) > length + 2:
                    ends["##" + word[-length:]] += times
        pieces = [*SPECIAL, *letters, *("##" + letter for letter in letters)]
        pieces += [end for end, _ in sorted(ends.items(), key=lambda item: (-item[1], item[0]))[:400]]
        frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        known = set(pieces)
        pieces += [word for word, _ in frequent if word not in known][: size - len(pieces)]
        self.pieces = pieces
        self.ids = {piece: number for number, piece in enumerate(pieces)}

        @lru_cache(maxsize=None)
        def ids_of(word):
            found, start = [], 0
            while start < len(word):
                for end in range(len(word), start, -1):
                    number = self.ids.get(("##" if start else "") + word[start:end])
                    if number is not None:
                        break
                else:
                    return [1]
                found.append(number)
                start = end
            return found

        self.ids_of = ids_of

    def bags(self, texts):
        """A sparse row for each list of words: how often each piece is in it."""
        rows = [[number for word in words for number in self.ids_of(word)] for words in texts]
        ends = np.cumsum([0, *map(len, rows)])
        columns = np.array([number for row in rows for number in row], dtype=np.int32)
        bags = sparse.csr_matrix((np.ones(len(columns), np.float32), columns, ends), (len(rows), len(self.pieces)))
        bags.sum_duplicates()
        return bags

    def write(self, folder, context):
        """`tokenizer.json` and `tokenizer_config.json`."""
        added = [
            {"id": number, "content": piece, "single_word": False, "lstrip": False, "rstrip": False}
            | {"normalized": False, "special": True}
            for number, piece in enumerate(SPECIAL)
        ]
        normalizer = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
        tokenizer = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": {"type": "BertNormalizer", **normalizer},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": None,
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {
                "type": "WordPiece",
                "unk_token": "[UNK]",
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
                "vocab": self.ids,
            },
        }
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "clean_up_tokenization_spaces": True,
            "do_lower_case": True,
            "model_max_length": context,
        }
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")))
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


class Pairs:
    """Neighbouring passages of a tale, and sentences with the rest of their passage, as row numbers of bags."""

    def __init__(self, pieces, some_tales, seed):
        random = np.random.default_rng(seed)
        passages, following, sentences, rests = [], [], [], []
        for tale in some_tales:
            made = passages_of(tale)
            following += [len(passages) + place for place in range(len(made) - 1)]
            for passage in made:
                passages.append([word for sentence in passage for word in sentence])
                long_enough = [place for place, words in enumerate(passage) if len(words) >= 5]
                if len(passage) > 1 and long_enough:
                    cut = long_enough[random.integers(len(long_enough))]
                    sentences.append(passage[cut])
                    rests.append([word for place, words in enumerate(passage) if place != cut for word in words])
        self.passages = pieces.bags(passages)
        self.following = np.array(following)
        self.sentences, self.rests = pieces.bags(sentences), pieces.bags(rests)

    def __len__(self):
        return len(self.following) + self.sentences.shape[0]
