"""The training loop: its optimisers, its schedule, and checkpoints that a stopped run goes on from."""

import math
import time
from types import SimpleNamespace

import numpy as np
import torch
from torch.nn import functional as F

from bard_data import Windows

ROWS = 4
HALVED = 0.6  # of the training sees windows of half the length: attention costs less, and most words look back less
PEAK_RATE = 4e-3
WARM_UP = 0.02
WEIGHT_DECAY = 0.1
DISTILLED = 0.5  # the teacher's part of the loss, where there is one
CHECKPOINT_SECONDS = 300


def orthogonal(matrix):
    """Nearly the closest orthogonal matrix, by five Newton-Schulz steps (Muon's: github.com/KellerJordan/Muon)."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal, for the matrices inside; scaled so that AdamW's rate and decay fit it as well."""

    def __init__(self, weights, decay, momentum=0.95):
        super().__init__(weights, {"lr": 0.0, "decay": decay, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                mean = state.setdefault("momentum", torch.zeros_like(weight))
                mean.mul_(group["momentum"]).add_(weight.grad)
                update = orthogonal(weight.grad + group["momentum"] * mean)
                weight.mul_(1 - group["lr"] * group["decay"])
                weight.add_(update, alpha=-group["lr"] * 0.2 * max(weight.shape) ** 0.5)


def optimisers(model):
    matrices = [weight for name, weight in model.named_parameters() if weight.dim() == 2 and "embed" not in name]
    others = [weight for name, weight in model.named_parameters() if weight.dim() == 1 or "embed" in name]
    adam = torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0)
    return [Muon(matrices, WEIGHT_DECAY), adam]


def rate(share):
    """The learning rate after `share` of the training: warm up, then a cosine down to nothing."""
    if share < WARM_UP:
        return PEAK_RATE * share / WARM_UP
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))


def batch_loss(model, teacher, tokens, targets):
    logits = model(tokens).flatten(0, 1)
    loss = F.cross_entropy(logits, targets.flatten())
    if teacher is None:
        return loss
    with torch.no_grad():
        aim = teacher(tokens).flatten(0, 1).softmax(-1)
    return (1 - DISTILLED) * loss + DISTILLED * F.cross_entropy(logits, aim)


@torch.no_grad()
def held_out_loss(model, row, most=None):
    """Nats a token over the windows of a row, one after the other; `most` windows of it at most."""
    context = model.shape.context
    starts = range(0, len(row) - context - 1, context)[:most]
    losses = []
    for first in range(0, len(starts), ROWS):
        cut = torch.stack([torch.from_numpy(row[at : at + context + 1]) for at in starts[first : first + ROWS]])
        logits = model(cut[:, :-1])
        losses.append(F.cross_entropy(logits.flatten(0, 1), cut[:, 1:].flatten(), reduction="none"))
    return torch.cat(losses).mean().item()


@torch.no_grad()
def sample(model, tokens, count, generator, temperature=0.8):
    """Tokens that go on from `tokens`."""
    made = list(tokens)
    for _ in range(count):
        logits = model(torch.tensor([made[-model.shape.context :]]))[0, -1]
        made.append(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator).item())
    return made


def train(model, row, held, budget, seed, checkpoint, teacher=None, show=lambda: "", log=print):
    """Train until the budget, minutes or tokens, is spent; goes on from `checkpoint` where that file is there.

    By the clock (`budget.minutes`) the schedule follows the time that has passed, so a run ends when it should
    however fast the machine was; by tokens it can be repeated. Gives what was seen: steps, tokens, seconds.
    """
    windows = Windows(row, model.shape.context, seed)
    steppers = optimisers(model)
    done = SimpleNamespace(steps=0, tokens=0, seconds=0.0)
    if checkpoint.exists():
        kept = torch.load(checkpoint)
        model.load_state_dict(kept["model"])
        for stepper, state in zip(steppers, kept["steppers"]):
            stepper.load_state_dict(state)
        windows.restore(kept["windows"])
        done = SimpleNamespace(**kept["done"])
        log(f"goes on from step {done.steps}")
    began, saved, before = time.monotonic() - done.seconds, time.monotonic(), done.tokens
    losses = []
    while True:
        done.seconds = time.monotonic() - began
        share = done.seconds / 60 / budget.minutes if budget.minutes else done.tokens / budget.tokens
        if share >= 1:
            return done
        tokens, targets = (torch.from_numpy(part) for part in windows.next(ROWS, 2 if share < HALVED else 1))
        loss = batch_loss(model, teacher, tokens, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = rate(share)
            stepper.step()
            stepper.zero_grad()
        done.steps += 1
        done.tokens += targets.numel()
        losses.append(loss.item())
        if done.steps % 20 == 0:
            log(f"step {done.steps}, {done.tokens:,} tokens, {100 * share:.1f}%: loss {np.mean(losses[-20:]):.3f}")
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            state = {"model": model.state_dict(), "steppers": [stepper.state_dict() for stepper in steppers]}
            torch.save({**state, "windows": windows.state(), "done": vars(done)}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
            speed = (done.tokens - before) / (time.monotonic() - saved)
            log(f"{speed:.0f} tokens/s; held-out loss {held_out_loss(model, held, 64):.3f}\n{show()}")
            saved, before = time.monotonic(), done.tokens
