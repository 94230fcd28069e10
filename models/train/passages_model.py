"""The network: a vector a piece, summed and scaled to length 1. Its training."""

import numpy as np

TEMPERATURE = 0.07
DROPPED = 0.15  # share of the pieces that a batch leaves out


def normalised(rows):
    lengths = np.sqrt((rows * rows).sum(1, keepdims=True)) + 1e-9
    return rows / lengths, lengths


def started(training, width, seed):
    """Random vectors as long as the piece is rare: their sums are near where their texts share rare words. In doubles."""
    found = np.asarray((training.passages > 0).sum(0)).ravel()
    rarity = np.log((training.passages.shape[0] + 1) / (found + 1)).astype(np.float32)
    table = np.random.default_rng(seed).standard_normal((len(rarity), width), dtype=np.float32)
    table[0] = 0
    return table.astype(np.float64) * (rarity / np.sqrt(width))[:, None]


def contrastive(table, left, right):
    """(loss, gradient of the table): each left row has to find its right one among the batch, and the other way."""
    (a, a_length), (b, b_length) = normalised(left @ table), normalised(right @ table)
    scores = a @ b.T / TEMPERATURE
    count = len(scores)
    forward = np.exp(scores - scores.max(1, keepdims=True))
    forward /= forward.sum(1, keepdims=True)
    backward = np.exp(scores - scores.max(0, keepdims=True))
    backward /= backward.sum(0, keepdims=True)
    diagonal = np.arange(count)
    loss = -np.log(forward[diagonal, diagonal] * backward[diagonal, diagonal] + 1e-12).mean() / 2
    slope = (forward + backward) / 2
    slope[diagonal, diagonal] -= 1
    slope /= count * TEMPERATURE
    to_a, to_b = slope @ b, slope.T @ a
    to_a = (to_a - a * (to_a * a).sum(1, keepdims=True)) / a_length
    to_b = (to_b - b * (to_b * b).sum(1, keepdims=True)) / b_length
    return loss, left.T @ to_a + right.T @ to_b


def thinned(bags, random):
    bags = bags.copy()
    bags.data *= random.random(len(bags.data), dtype=np.float32) >= DROPPED
    return bags


def train(table, pairs, options, log, show):
    """Adam with a linear warm-up and a linear way down."""
    random = np.random.default_rng(options.seed)
    first, second = np.zeros_like(table), np.zeros_like(table)
    near = len(pairs.following)
    steps_an_epoch = len(pairs) // options.batch
    steps = options.epochs * steps_an_epoch
    step = 0
    for epoch in range(options.epochs):
        order = random.permutation(len(pairs))
        # A batch holds one kind of pairs: passages of another length would be easy to tell apart.
        batches = [
            (kind, numbers[start : start + options.batch])
            for kind, numbers in enumerate((order[order < near], order[order >= near] - near))
            for start in range(0, len(numbers) - options.batch + 1, options.batch)
        ]
        losses = []
        for place in random.permutation(len(batches)):
            kind, numbers = batches[place]
            if kind == 0:
                left, right = pairs.passages[pairs.following[numbers]], pairs.passages[pairs.following[numbers] + 1]
            else:
                left, right = pairs.sentences[numbers], pairs.rests[numbers]
            loss, slope = contrastive(table, thinned(left, random), thinned(right, random))
            losses.append(loss)
            step += 1
            rate = options.rate * min(step / 50, max(0.02, 1 - step / steps))
            first += 0.1 * (slope - first)
            second += 0.01 * (slope * slope - second)
            table -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
            table[0] = 0
        log(f"epoch {epoch + 1}: loss {np.mean(losses):.3f} {show(table)}")
    return step
