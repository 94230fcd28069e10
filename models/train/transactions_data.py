"""The data sets: cardholders and days of training and test, and how the test file is kept."""

import gzip
import multiprocessing
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transactions_features import NAMES, History
from transactions_simulator import DAY, KINDS, World, simulate

DEFRAUDED = 0.16  # of all cardholders, within the simulated days
# Cardholders are dealt by number; nobody is in two sets.
PARTS = {"train": range(0, 6), "validate": range(6, 7), "test": range(7, 10)}
# Days, from and before. The first 30 only fill the histories.
PERIODS = {"train": (30, 110), "validate": (30, 110), "test": (110, 150)}
FILE_OWN, FILE_FRAUD = 400, 112


@dataclass
class Rows:
    features: np.ndarray  # float32, rows x features
    labels: np.ndarray  # uint8, 1: fraud
    kinds: np.ndarray  # uint8, 0: the cardholder's own, else 1 + place in KINDS
    holders: np.ndarray  # number of the cardholder

    def __len__(self):
        return len(self.labels)

    def pick(self, chosen):
        return Rows(*(column[chosen] for column in (self.features, self.labels, self.kinds, self.holders)))


_world = None  # set before the workers fork, so that they inherit it


def part_of(number):
    return next(part for part, digits in PARTS.items() if number % 10 in digits)


def _holder(job):
    """The rows of one cardholder within the days of its set."""
    seed, number = job
    home, payments = simulate(_world, seed, number, DEFRAUDED)
    begin, end = PERIODS[part_of(number)]
    history, features, kinds = History(home), [], []
    for payment in payments:
        if begin * DAY <= payment.time < end * DAY:
            features.append(history.features(payment))
            kinds.append(1 + KINDS.index(payment.kind) if payment.kind else 0)
        history.add(payment)
    return np.array(features, np.float32).reshape(-1, len(NAMES)), np.array(kinds, np.uint8)


def make(seed, holders, workers):
    """The rows of all sets, each in the order of cardholders and time."""
    global _world
    _world = World(seed)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        made = pool.map(_holder, [(seed, number) for number in range(holders)], chunksize=50)
    sets = {}
    for part in PARTS:
        numbers = [number for number in range(holders) if part_of(number) == part]
        kinds = np.concatenate([made[number][1] for number in numbers])
        counts = [len(made[number][1]) for number in numbers]
        sets[part] = Rows(
            np.concatenate([made[number][0] for number in numbers]),
            (kinds > 0).astype(np.uint8),
            kinds,
            np.repeat(numbers, counts),
        )
    return sets


def for_file(test, seed):
    """Rows of the test set for the test file, more fraud among them than in the set."""
    rng = np.random.default_rng([seed, 2])
    own, fraud = (np.flatnonzero(test.labels == label) for label in (0, 1))
    chosen = [rng.choice(own, FILE_OWN, replace=False), rng.choice(fraud, FILE_FRAUD, replace=False)]
    return test.pick(rng.permutation(np.concatenate(chosen)))


def write_test_file(path, features, probabilities, labels):
    """gzip, little-endian: uint32 rows, uint32 features, float32 features, float32 probabilities, label bytes."""
    rows, width = features.shape
    assert features.dtype == probabilities.dtype == np.float32 and labels.dtype == np.uint8
    body = struct.pack("<II", rows, width) + features.tobytes() + probabilities.tobytes() + labels.tobytes()
    Path(path).write_bytes(gzip.compress(body, 9, mtime=0))
