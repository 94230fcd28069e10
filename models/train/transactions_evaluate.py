"""How well probabilities of fraud fit the labels."""

from dataclasses import dataclass

import numpy as np
import torch

FALSE_POSITIVES = 0.01
BANDS = (0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1)  # of probability, for calibration
RESAMPLED = 300


@dataclass
class Score:
    roc_auc: float
    average_precision: float
    threshold: float  # the probability that this share of the cardholders' own payments reaches
    recall: float  # of the fraud that reaches it
    log_loss: float


def answers(run, features):
    """The probability of every row."""
    return torch.cat([run(part) for part in torch.from_numpy(features).split(65536)])[:, 0].numpy()


def score(probabilities, labels):
    p, fraud = probabilities.astype(np.float64), labels == 1
    values, place, counts = np.unique(p, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    n, m = fraud.sum(), (~fraud).sum()
    auc = (rank[fraud].sum() - n * (n + 1) / 2) / (n * m)
    # Rows of the same probability are told apart by nothing, so they count together.
    hits = np.bincount(place[fraud], minlength=len(values))[::-1]
    found, flagged = np.cumsum(hits), np.cumsum(counts[::-1])
    threshold = float(np.quantile(p[~fraud], 1 - FALSE_POSITIVES))
    safe = np.clip(np.where(fraud, p, 1 - p), 1e-12, 1)
    return Score(
        float(auc),
        float((found / flagged * hits).sum() / n),
        threshold,
        float((p[fraud] > threshold).mean()),
        float(-np.log(safe).mean()),
    )


def interval(probabilities, rows, seed):
    """Where 95% of the scores lie when whole cardholders are drawn anew: (low, high) of AUC, precision, recall."""
    rng = np.random.default_rng([seed, 3])
    _, starts = np.unique(rows.holders, return_index=True)
    blocks = np.split(np.arange(len(rows)), starts[1:])
    drawn = []
    for _ in range(RESAMPLED):
        chosen = np.concatenate([blocks[i] for i in rng.integers(len(blocks), size=len(blocks))])
        s = score(probabilities[chosen], rows.labels[chosen])
        drawn.append((s.roc_auc, s.average_precision, s.recall))
    return np.quantile(drawn, (0.025, 0.975), axis=0).T


def calibration(probabilities, labels):
    """For each band of probability: (from, to, rows, mean probability, share of fraud)."""
    band = np.digitize(probabilities, BANDS[1:-1])
    result = []
    for number, bounds in enumerate(zip(BANDS, BANDS[1:])):
        inside = band == number
        if inside.any():
            result.append((*bounds, int(inside.sum()), float(probabilities[inside].mean()), float(labels[inside].mean())))
    return result
