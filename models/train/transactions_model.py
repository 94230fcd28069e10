"""The network, its training, and the logistic regression that it is compared with."""

import time
from collections import OrderedDict

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from transactions_features import NAMES

HIDDEN = (48, 24)
TEACHER_HIDDEN = (192, 96)
TEACHER_SHARE = 0.5  # of the loss, where there is a teacher
BATCH = 1024
PEAK_RATE = 4e-3
WEIGHT_DECAY = 0.01

# The fixed first layer, feature by feature: pieces relu(weight * x + bias). What is plain in natural units goes
# through as it is; what spans orders of magnitude is taken apart as relu(1 - x / s) for growing s, which is 0 from
# s on. Every piece is of the order of one, so nothing large has to cancel.
KILOMETRES = [1, 3, 10, 30, 100, 300, 1000, 3000]
SCALES = {
    "distance_home": KILOMETRES,
    "distance_last": KILOMETRES,
    "hours_last": [1 / 12, 1 / 4, 1, 3, 10, 24, 72, 240],
    "speed": [10, 30, 100, 300, 1000, 3000],
    "count_hour": [1, 2, 4, 8, 16],
    "count_day": [2, 4, 8, 16, 32],
    "spent_day": [1, 3, 10, 30, 100],
}
LINES = {
    "amount_log_ratio": [(1 / 4, 1), (1 / 4, 0)],  # bends at 1/55 of the median, and at the median
    "hour_sin": [(1 / 2, 1 / 2)],
    "hour_cos": [(1 / 2, 1 / 2)],
}
PIECES = [
    (place, weight, bias)
    for place, name in enumerate(NAMES)
    for weight, bias in LINES.get(name) or [(-1 / scale, 1) for scale in SCALES.get(name, [])] or [(1, 0)]
]


def spread():
    """The fixed first layer."""
    layer = nn.Linear(len(NAMES), len(PIECES)).requires_grad_(False)
    layer.weight.zero_()
    for row, (place, weight, bias) in enumerate(PIECES):
        layer.weight[row, place] = weight
        layer.bias[row] = bias
    return layer


def build(hidden):
    """Raw features in, probability out; all but the last layer is used in training."""
    first, second = hidden
    return nn.Sequential(
        OrderedDict(
            spread=spread(),
            relu0=nn.ReLU(),
            first=nn.Linear(len(PIECES), first),
            relu1=nn.ReLU(),
            second=nn.Linear(first, second),
            relu2=nn.ReLU(),
            last=nn.Linear(second, 1),
            sigmoid=nn.Sigmoid(),
        )
    )


def loss_of(network, features, labels):
    return F.binary_cross_entropy_with_logits(network[:-1](features)[:, 0], labels)


@torch.no_grad()
def mean_loss(network, features, labels):
    network.eval()
    parts = [loss_of(network, *pair) * len(pair[1]) for pair in zip(features.split(65536), labels.split(65536))]
    return (sum(parts) / len(labels)).item()


def train(hidden, rows, check, epochs, seed, log=print, teacher=None):
    """A trained network; `check` is only watched. All rows weigh the same, so that the output is a probability.

    `teacher` gives probabilities for features: the label counts for less where it knows better.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    features, labels = tensors(rows)
    network = build(hidden)
    if teacher:
        taught = torch.cat([teacher(part)[:, 0] for part in features.split(65536)])
        labels = TEACHER_SHARE * taught + (1 - TEACHER_SHARE) * labels
    learnt = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    steps = len(labels) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, epochs * steps, pct_start=0.2)
    began = time.monotonic()
    for epoch in range(epochs):
        network.train()
        order = torch.randperm(len(labels), generator=generator)
        total = 0.0
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            loss = loss_of(network, features[chosen], labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        checked = mean_loss(network, *tensors(check))
        log(f"epoch {epoch + 1}/{epochs}: loss {total / steps:.5f}, validation {checked:.5f}, {time.monotonic() - began:.0f} s")
    return network.eval()


def tensors(rows):
    return torch.from_numpy(rows.features), torch.from_numpy(rows.labels).float()


def compressed(features):
    """The features as a logistic regression likes them: logarithms of what spans orders of magnitude."""
    return np.stack([np.log1p(column) if name in SCALES else column for name, column in zip(NAMES, features.T)], 1)


def logistic_regression(rows):
    """Fitted to the same rows; gives a function from features to probabilities."""
    raw = compressed(rows.features).astype(np.float64)
    mean, deviation = raw.mean(0), raw.std(0)
    inputs, labels = torch.from_numpy((raw - mean) / deviation), torch.from_numpy(rows.labels).double()
    weights = torch.zeros(len(NAMES) + 1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def logits(x):
        return x @ weights[:-1] + weights[-1]

    def closure():
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(logits(inputs), labels) + 1e-6 * weights[:-1].square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)

    @torch.no_grad()
    def probabilities(features):
        return logits(torch.from_numpy((compressed(features) - mean) / deviation)).sigmoid().numpy()

    return probabilities
