"""What the commands have in common: options, the clock, and what made a model."""

import argparse
import platform
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent.parent


def parser(doc, model, defaults, helps):
    """A parser with an integer option for each of `defaults`, and the options that every recipe has."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name in defaults:
        made.add_argument(f"--{name}", type=int, help=helps.get(name))
    made.add_argument(
        "--measure-only",
        action="store_true",
        help="train nothing: measure the model file that is there and write the texts, the manifest and the test file again",
    )
    made.add_argument("--model-dir", type=Path, default=ROOT / "models/catalogue" / model)
    made.add_argument("--test-dir", type=Path, default=ROOT / "test/data")
    made.set_defaults(**defaults)
    return made


def command_line(model, defaults, options):
    """The command that makes this run again, without the paths of this one."""
    changed = [f"--{name} {getattr(options, name)}" for name, value in defaults.items() if getattr(options, name) != value]
    return " ".join([f"nice -n 10 python3 models/train/{model}.py", *changed])


def start(threads):
    """Make what follows repeatable; gives a log that tells the time."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    began = time.monotonic()

    def log(text):
        print(f"[{time.monotonic() - began:6.0f} s] {text}", flush=True)

    return log


def versions(**modules):
    """Python's version and those of the modules, by the names they go by."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {m.__version__}" for name, m in modules.items())])
