#!/usr/bin/env python3
"""Recipe of the model `digits`: draw the data, train, export, measure, write the card.

Run from the root of the repository:

    nice -n 10 python3 models/train/digits.py --pictures <folder with digit-*.jpg>
"""

import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import PIL
import scipy
import torch

import digits_card as card
import digits_data as dataset
import digits_evaluate as evaluate
import manifest
import onnx_file
import recipe
from digits_model import folded
from digits_train import train
from fonts import load_faces
from render import INK_THRESHOLD

HERE = Path(__file__).resolve().parent
DEFAULTS = {"seed": 20240601, "epochs": 7, "printed": 120_000, "drawn": 120_000, "test": 10_000, "threads": 2}
MANIFEST = {
    "id": "digits",
    "version": "1",
    "title": "Handwritten digits",
    "description": "Reads one handwritten or printed digit, normalised as MNIST is.",
    "license": "MIT",
    "task": "image-classification",
    "inputs": [
        {
            "name": "image",
            "type": "float32",
            "shape": [-1, 1, 28, 28],
            "description": "White ink (1) on black (0), 20 pixels high or wide, centred by mass.",
        }
    ],
    "outputs": [
        {
            "name": "logits",
            "type": "float32",
            "shape": [-1, 10],
            "description": "One a digit; softmax gives probabilities.",
        }
    ],
    "batchAxis": 0,
    "labels": list("0123456789"),
    "tolerance": 0.001,
}
MEMORY = 4 * 2**20
HELPS = {
    "printed": "training pictures from fonts",
    "drawn": "training pictures from strokes",
    "test": "pictures in each of the two test sets",
    "threads": "changes the rounding, so part of the recipe",
}


def parse():
    parser = recipe.parser(__doc__, "digits", DEFAULTS, HELPS)
    parser.add_argument("--pictures", type=Path, help="folder with MNIST pictures digit-<label>.jpg, test only")
    return parser.parse_args()


def command_line(options):
    pictures = " --pictures <folder with digit-*.jpg>" if options.pictures else ""
    return recipe.command_line("digits", DEFAULTS, options) + pictures


def package_versions(faces):
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *sorted({face.package for face in faces})]
    answer = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    return dict(line.split() for line in answer.splitlines())


def worst_families(run, faces, seed, pictures, labels):
    """The held-out families with the most errors in the printed test set."""
    maker = dataset.Maker(seed, dataset.HELD_OUT_PRINTED, faces)
    wrong, seen = Counter(), Counter()
    for index, (answer, label) in enumerate(zip(evaluate.answers(run, pictures), labels)):
        family = maker.face_of(index).family
        seen[family] += 1
        wrong[family] += answer != label
    worst = [(name, n) for name, n in sorted(wrong.items(), key=lambda item: (-item[1], item[0])) if n]
    return "; ".join(f"{name} {n} of {seen[name]}" for name, n in worst[:6]) or "none"


def main():
    options = parse()
    log = recipe.start(options.threads)

    faces, left_out = load_faces(HERE / "apt-packages.txt", options.seed)
    log(f"{len(faces)} font faces, {len(left_out)} font files not used")

    def make(set_number, count):
        made = dataset.make(options.seed, set_number, count, faces, options.threads)
        log(f"set {set_number}: {count} pictures")
        return made

    test_printed = make(dataset.HELD_OUT_PRINTED, options.test)
    test_drawn = make(dataset.HELD_OUT_DRAWN, options.test)

    model_path = options.model_dir / manifest.MODEL
    if not options.measure_only:
        parts = make(dataset.TRAIN_PRINTED, options.printed), make(dataset.TRAIN_DRAWN, options.drawn)
        pictures, labels = (np.concatenate(pair) for pair in zip(*parts))
        network = folded(train(pictures, labels, options.epochs, options.seed, log))
        notes = {"model": "digits", "licence": "MIT", "seed": str(options.seed)}
        onnx_file.export(network, torch.zeros(1, 1, 28, 28), model_path, ("image", "logits"), notes)
        difference = onnx_file.greatest_difference(network, model_path, evaluate.images(test_drawn[0][:256]))
        log(f"exported; greatest difference from the trained network {difference:.2g}")
        assert difference < 1e-3
    manifest.write(options.model_dir, MANIFEST, MEMORY)
    run = onnx_file.OnnxRunner(model_path)

    test_path = options.test_dir / "digits-heldout.bin.gz"
    options.test_dir.mkdir(parents=True, exist_ok=True)
    kept = [np.concatenate([a[:600], b[:200]]) for a, b in zip(test_printed, test_drawn)]
    dataset.write_test_file(test_path, *kept)
    file_pictures, file_labels = dataset.read_test_file(test_path)

    scores = {
        "printed": evaluate.score(run, *test_printed),
        "plain": evaluate.score(run, *evaluate.plain_faces(faces)),
        "drawn": evaluate.score(run, *test_drawn),
        "file": evaluate.score(run, file_pictures, file_labels),
        "file printed": evaluate.score(run, file_pictures[:600], file_labels[:600]),
        "file drawn": evaluate.score(run, file_pictures[600:], file_labels[600:]),
    }
    for name, score in scores.items():
        log(f"{name}: {score}")

    facts = SimpleNamespace(
        faces=faces,
        seed=options.seed,
        epochs=options.epochs,
        threads=options.threads,
        count_printed=options.printed,
        count_drawn=options.drawn,
        command=command_line(options),
        size=model_path.stat().st_size,
        sha256=manifest.sha256(model_path),
        parameters=run.parameters,
        opset=onnx_file.OPSET,
        operators=", ".join(run.operators),
        ink_threshold=INK_THRESHOLD,
        scores=scores,
        worst_families=worst_families(run, faces, options.seed, *test_printed),
        pictures=evaluate.read_pictures(run, options.pictures) if options.pictures else [],
        file_count=len(file_labels),
        file_sha256=manifest.sha256(test_path),
        versions=recipe.versions(PyTorch=torch, ONNX=onnx, NumPy=np, SciPy=scipy, Pillow=PIL),
    )
    for label, answer, chance in facts.pictures:
        log(f"picture of {label}: read as {answer} ({chance:.3f})")
    (options.model_dir / "README.md").write_text(card.model_card(facts))
    (options.model_dir / "fonts.txt").write_text(card.font_list(faces, left_out, package_versions(faces)))
    (options.test_dir / "digits-heldout.md").write_text(card.test_data(facts))
    log(f"{model_path.name}: {facts.size} bytes, sha256 {facts.sha256}")


if __name__ == "__main__":
    main()
