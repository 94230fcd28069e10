"""The tales as tokens: read, split into training and held-out tales, packed into one row of numbers."""

import random

import numpy as np

from bard_tokenizer import END

HELD_OUT = 0.02


def tales(path):
    return [tale.strip() for tale in path.read_text().split(END) if tale.strip()]


def split(all_tales, seed):
    """(training tales, held-out tales): whole tales, so that no held-out sentence was trained on in its own tale."""
    order = list(range(len(all_tales)))
    random.Random(seed).shuffle(order)
    held = set(order[: round(HELD_OUT * len(order))])
    return (
        [tale for place, tale in enumerate(all_tales) if place not in held],
        [tale for place, tale in enumerate(all_tales) if place in held],
    )


def packed(tokenizer, some_tales):
    """Every tale behind an end mark, one after the other, and an end mark behind the last."""
    numbers = [number for tale in some_tales for number in (tokenizer.end, *tokenizer.encode(tale))]
    return np.array([*numbers, tokenizer.end], dtype=np.int64)


class Windows:
    """Batches of windows of tokens and their successors: every token once an epoch, cut anew each time."""

    def __init__(self, row, longest, seed):
        self.row, self.longest = row, longest
        self.random = np.random.default_rng(seed)
        self.starts = []

    def next(self, rows, pieces=1):
        """`rows` windows of the longest length, each cut into so many pieces: [rows * pieces, longest / pieces]."""
        if len(self.starts) < rows:
            first = self.random.integers(self.longest)
            starts = np.arange(first, len(self.row) - self.longest - 1, self.longest)
            self.starts = [*self.starts, *self.random.permutation(starts)]
        chosen, self.starts = self.starts[:rows], self.starts[rows:]
        cut = np.stack([self.row[start : start + self.longest + 1] for start in chosen])
        return (part.reshape(rows * pieces, -1) for part in (cut[:, :-1], cut[:, 1:]))

    def state(self):
        return {"random": self.random.bit_generator.state, "starts": self.starts}

    def restore(self, state):
        self.random.bit_generator.state, self.starts = state["random"], state["starts"]
