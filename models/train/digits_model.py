"""The networks: the model's, and the larger one that it learns from."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CHANNELS = (20, 32, 32, 40)


def block(channels_in, channels_out, side=3, stride=1):
    return [
        nn.Conv2d(channels_in, channels_out, side, stride=stride, padding=side // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]


def student():
    """Four convolutions: the first with a stride, because at full size it would do most of the work."""
    first, second, third, fourth = CHANNELS
    network = nn.Sequential(
        *block(1, first, side=5, stride=2),  # 28 -> 14
        *block(first, second),
        nn.MaxPool2d(2),  # 14 -> 7
        *block(second, third),
        *block(third, fourth),
        nn.MaxPool2d(3, stride=2),  # 7 -> 3
        nn.Flatten(),
        nn.Linear(fourth * 3 * 3, 10),
    )
    # Convolutions of this layout take two thirds of the time on a CPU.
    return network.to(memory_format=torch.channels_last)


def teacher():
    """Six convolutions, four of them before the pictures get small."""
    return nn.Sequential(
        *block(1, 16),
        *block(16, 16),
        nn.MaxPool2d(2),  # 28 -> 14
        *block(16, 32),
        *block(32, 32),
        nn.MaxPool2d(2),  # 14 -> 7
        *block(32, 48),
        *block(48, 64),
        nn.MaxPool2d(3, stride=2),  # 7 -> 3
        nn.Flatten(),
        nn.Linear(64 * 3 * 3, 10),
    )


def folded(model):
    """A copy for inference with every BatchNorm folded into its convolution."""
    layers = []
    for layer in copy.deepcopy(model).eval():
        if isinstance(layer, nn.BatchNorm2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return nn.Sequential(*layers).eval()
