"""The network: six 3x3 convolutions, three poolings, one fully connected layer."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def block(channels_in, channels_out):
    return [
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]


def build():
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


def parameter_count(model):
    return sum(parameter.numel() for parameter in model.parameters())
