"""The training loop."""

import math
import time

import torch
from torch.nn import functional as F

BATCH = 256
PEAK_RATE = 4e-3
WEIGHT_DECAY = 0.02
LABEL_SMOOTHING = 0.02
# Of a teacher: how much its answers are flattened, so that its second thoughts count, and their share of the loss.
TEMPERATURE = 3
TEACHER_SHARE = 0.9


def jitter(images, generator):
    """Move, turn and scale each picture a little, anew in every epoch."""
    count = len(images)

    def spread(amount):
        return (torch.rand(count, generator=generator) * 2 - 1) * amount

    angle, scale = spread(math.radians(6)), torch.exp(spread(0.1))
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = torch.cos(angle) / scale
    theta[:, 0, 1] = -torch.sin(angle) / scale
    theta[:, 1, 0] = torch.sin(angle) / scale
    theta[:, :, 2] = torch.stack([spread(2 / 14), spread(2 / 14)], dim=1)
    grid = F.affine_grid(theta, images.shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def batch_loss(answers, labels, taught):
    """`taught` is what a teacher answers to the same views of the pictures, or None."""
    loss = F.cross_entropy(answers, labels, label_smoothing=LABEL_SMOOTHING)
    if taught is None:
        return loss
    soft = F.kl_div(
        F.log_softmax(answers / TEMPERATURE, dim=1), F.softmax(taught / TEMPERATURE, dim=1), reduction="batchmean"
    )
    # Flattening makes gradients smaller by the square of the temperature.
    return TEACHER_SHARE * TEMPERATURE**2 * soft + (1 - TEACHER_SHARE) * loss


def train(build, pictures, labels, epochs, seed, log=print, teacher=None):
    """Trains what `build` makes. `pictures` is uint8, n x 28 x 28; `labels` uint8, n; `teacher` gives logits for images."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.from_numpy(pictures)
    labels = torch.from_numpy(labels).long()
    model = build()
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    steps = len(pictures) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, epochs * steps, pct_start=0.2)
    began = time.monotonic()
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(pictures), generator=generator)
        total = 0.0
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            images = jitter(pictures[chosen].float().div(255).unsqueeze(1), generator)
            taught = teacher(images) if teacher else None
            loss = batch_loss(model(images), labels[chosen], taught)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        log(f"epoch {epoch + 1}/{epochs}: loss {total / steps:.4f}, {time.monotonic() - began:.0f} s")
    return model
