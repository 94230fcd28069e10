"""The data sets: which pictures are made, with which seeds, and how they are kept.

Picture number i of a set is made from the seed (recipe seed, set number, i)
alone, so that the number of worker processes changes nothing.
"""

import gzip
import multiprocessing
import struct
from collections import defaultdict
from pathlib import Path

import numpy as np

from render import FILTERS, SIDE, finish, normalise, thicken, warp
from strokes import hand_drawn

# Set numbers; a number is never used for two purposes.
TRAIN_PRINTED, TRAIN_DRAWN, HELD_OUT_PRINTED, HELD_OUT_DRAWN = 1, 2, 3, 4

STRONG = dict(rotate=15, shear=0.35, stretch=0.28, elastic=0.035)
MILD = dict(rotate=6, shear=0.12, stretch=0.12, elastic=0.012)


def printed(face, digit, rng, strong):
    """One printed digit, bent and inked; `strong` for training, else mild."""
    ink = warp(face.glyphs[digit], rng, **(STRONG if strong else MILD))
    if rng.random() < (0.6 if strong else 0.3):
        ink = thicken(ink, rng, 0.9 if strong else 0.4)
    picture = normalise(ink, FILTERS[rng.integers(len(FILTERS))])
    if picture is None:  # bent out of sight; cannot happen with the amounts above
        raise ValueError(f"no ink left of {digit} in {face.file}")
    return finish(picture, rng, blur=0.7 if strong else 0.4, noise=0.06 if strong else 0.03)


class Maker:
    """Makes the pictures of one set. Families are drawn evenly, then their faces."""

    def __init__(self, seed, set_number, faces):
        self.seed, self.set_number = seed, set_number
        self.strong = set_number == TRAIN_PRINTED
        self.families = []
        if set_number in (TRAIN_PRINTED, HELD_OUT_PRINTED):
            by_family = defaultdict(list)
            for face in faces:
                if face.held_out == (set_number == HELD_OUT_PRINTED):
                    by_family[face.family].append(face)
            self.families = [by_family[name] for name in sorted(by_family)]

    def rng(self, index):
        return np.random.default_rng([self.seed, self.set_number, index])

    def face(self, rng):
        family = self.families[rng.integers(len(self.families))]
        return family[rng.integers(len(family))]

    def face_of(self, index):
        return self.face(self.rng(index))

    def picture(self, index):
        rng, digit = self.rng(index), index % 10
        if self.families:
            return printed(self.face(rng), digit, rng, self.strong)
        return hand_drawn(digit, rng)

    def block(self, bounds):
        return np.stack([to_bytes(self.picture(index)) for index in range(*bounds)])


def to_bytes(pictures):
    return np.rint(pictures * 255).astype(np.uint8)


_maker = None  # set before the workers fork, so that they inherit the faces


def _block(bounds):
    return _maker.block(bounds)


def make(seed, set_number, count, faces, workers):
    """`count` pictures (uint8, count x 28 x 28) and their labels, balanced over the digits."""
    global _maker
    _maker = Maker(seed, set_number, faces)
    step = 500
    bounds = [(start, min(start + step, count)) for start in range(0, count, step)]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        blocks = pool.map(_block, bounds, chunksize=1)
    labels = (np.arange(count) % 10).astype(np.uint8)
    return np.concatenate(blocks), labels


def write_test_file(path, pictures, labels):
    """gzip of: uint32 little-endian count, count label bytes, count * 784 pixel bytes."""
    assert pictures.dtype == np.uint8 and pictures.shape == (len(labels), SIDE, SIDE)
    body = struct.pack("<I", len(labels)) + labels.tobytes() + pictures.tobytes()
    Path(path).write_bytes(gzip.compress(body, 9, mtime=0))


def read_test_file(path):
    body = gzip.decompress(Path(path).read_bytes())
    (count,) = struct.unpack_from("<I", body)
    labels = np.frombuffer(body, np.uint8, count, 4)
    pictures = np.frombuffer(body, np.uint8, count * SIDE * SIDE, 4 + count)
    return pictures.reshape(count, SIDE, SIDE).copy(), labels
