"""A model, a larger one that it learns from, and one of its own size that has no teacher, to compare with."""

from pathlib import Path

import onnx_file

PEERS = ("teacher", "alone")


def add_option(parser):
    parser.add_argument(
        "--teacher",
        type=Path,
        help="folder with teacher.onnx, a larger network to learn from, and alone.onnx, one of the same size that had "
        "no teacher, to compare with: what is missing is trained first and written there",
    )


def train(folder, model_path, make):
    """Trains what is wanted and not there yet. The teacher that is learnt from is the one in its file.

    `make(path, larger, learns_from)` trains a network and writes it; `learns_from` is a teacher or None.
    """
    if folder is None:
        return make(model_path, False, None)
    teacher, alone = (folder / f"{name}.onnx" for name in PEERS)
    if not teacher.exists():
        make(teacher, True, None)
    if not alone.exists():
        make(alone, False, None)
    make(model_path, False, onnx_file.OnnxRunner(teacher))


def peers(folder):
    """The teacher and the one without, to be measured; none where there was no teacher."""
    return {name: onnx_file.OnnxRunner(folder / f"{name}.onnx") for name in PEERS if folder}
