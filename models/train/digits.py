#!/usr/bin/env python3
"""Recipe of the model `digits`: draw the data, train, export, measure, write the card.

Run from the root of the repository:

    nice -n 10 python3 models/train/digits.py --teacher <folder> --pictures <folder with digit-*.jpg>
"""

import subprocess
import tempfile
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
import distilling
import manifest
import onnx_file
import recipe
from digits_model import folded, student, teacher
from digits_train import train
from fonts import load_faces
from render import INK_THRESHOLD

HERE = Path(__file__).resolve().parent
DEFAULTS = {"seed": 20240601, "epochs": 4, "printed": 120_000, "drawn": 120_000, "test": 10_000, "workers": 2}
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
    # Of q8: where rounding falls on the other side, a logit is off by a step.
    "tolerance": 0.02,
}
# Best first. Convolutions in bytes are no slower there and a third of the size; WebGPU would do them on the CPU.
VARIANTS = [
    {"id": "q8", "precision": "q8", "backends": ["wasm", "cpu"], "memory": 3 * 2**20},
    {"id": "fp16", "precision": "fp16", "memory": 4 * 2**20},
    {"id": "fp32", "precision": "fp32", "memory": 4 * 2**20},
]
QUANTIZE = {"q8": ["--for", "wasm", "--reduce-range"], "fp16": ["--for", "wasm"]}
CALIBRATED = 256  # pictures of each training set
TEACHER_EPOCHS = 7
TEACHER_THREADS = 2  # part of the recipe: the order of sums depends on them
HELPS = {
    "printed": "training pictures from fonts",
    "drawn": "training pictures from strokes",
    "test": "pictures in each of the two test sets",
    "workers": "processes that draw the pictures; changes nothing in them",
}


def parse():
    parser = recipe.parser(__doc__, "digits", DEFAULTS, HELPS)
    parser.add_argument("--pictures", type=Path, help="folder with MNIST pictures digit-<label>.jpg, test only")
    distilling.add_option(parser)
    return parser.parse_args()


def command_line(options):
    teacher = " --teacher <folder>" if options.teacher else ""
    pictures = " --pictures <folder with digit-*.jpg>" if options.pictures else ""
    return recipe.command_line("digits", DEFAULTS, options) + teacher + pictures


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


def train_all(options, model_path, pictures, labels, log):
    notes = {"model": "digits", "licence": "MIT", "seed": str(options.seed)}

    def make(path, larger, learns_from):
        build, epochs = (teacher, TEACHER_EPOCHS) if larger else (student, options.epochs)
        torch.set_num_threads(TEACHER_THREADS if larger else 1)
        network = folded(train(build, pictures, labels, epochs, options.seed, log, learns_from))
        torch.set_num_threads(1)
        onnx_file.export(network, torch.zeros(1, 1, 28, 28), path, ("image", "logits"), notes)
        difference = onnx_file.greatest_difference(network, path, evaluate.images(pictures[:256]))
        log(f"{path.name} exported; greatest difference from the trained network {difference:.2g}")
        assert difference < 1e-3

    distilling.train(options.teacher, model_path, make)


def quantize(model_path, pictures):
    """The smaller variants, by the project's own command; ranges are found with `pictures`."""
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "image.npy"
        np.save(samples, evaluate.images(pictures).numpy())
        for precision, options in QUANTIZE.items():
            out = manifest.file_of(model_path.parent.parent, precision)
            command = ["npx", "tsx", "models/cli/main.ts", "quantize", model_path, "--to", precision, *options]
            if precision == "q8":
                command += ["--calibrate", samples]
            subprocess.run([*command, "-o", out], check=True, cwd=recipe.ROOT)


def scores_of(run, sets):
    return {name: evaluate.score(run, *pair) for name, pair in sets.items()}


def main():
    options = parse()
    log = recipe.start(threads=1)

    faces, left_out = load_faces(HERE / "apt-packages.txt", options.seed)
    log(f"{len(faces)} font faces, {len(left_out)} font files not used")

    def make(set_number, count):
        made = dataset.make(options.seed, set_number, count, faces, options.workers)
        log(f"set {set_number}: {count} pictures")
        return made

    test_printed = make(dataset.HELD_OUT_PRINTED, options.test)
    test_drawn = make(dataset.HELD_OUT_DRAWN, options.test)

    model_path = options.model_dir / manifest.MODEL
    if not options.measure_only:
        parts = make(dataset.TRAIN_PRINTED, options.printed), make(dataset.TRAIN_DRAWN, options.drawn)
        train_all(options, model_path, *(np.concatenate(pair) for pair in zip(*parts)), log)
        quantize(model_path, np.concatenate([pictures[:CALIBRATED] for pictures, _ in parts]))
    manifest.write(options.model_dir, MANIFEST, VARIANTS)
    run = onnx_file.OnnxRunner(model_path)
    peers = distilling.peers(options.teacher)

    test_path = options.test_dir / "digits-heldout.bin.gz"
    options.test_dir.mkdir(parents=True, exist_ok=True)
    kept = [np.concatenate([a[:600], b[:200]]) for a, b in zip(test_printed, test_drawn)]
    dataset.write_test_file(test_path, *kept)
    file_pictures, file_labels = dataset.read_test_file(test_path)

    sets = {
        "printed": test_printed,
        "plain": evaluate.plain_faces(faces),
        "drawn": test_drawn,
        "file": (file_pictures, file_labels),
        "file printed": (file_pictures[:600], file_labels[:600]),
        "file drawn": (file_pictures[600:], file_labels[600:]),
    }
    scores = scores_of(run, sets)
    for name, score in scores.items():
        log(f"{name}: {score}")

    facts = SimpleNamespace(
        faces=faces,
        seed=options.seed,
        epochs=options.epochs,
        count_printed=options.printed,
        count_drawn=options.drawn,
        command=command_line(options),
        sizes={variant["id"]: manifest.file_of(options.model_dir, variant["id"]).stat().st_size for variant in VARIANTS},
        sha256=manifest.sha256(model_path),
        parameters=run.parameters,
        teacher_parameters=peers["teacher"].parameters if peers else None,
        peers={name: scores_of(peer, sets) for name, peer in peers.items()},
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
    log(f"{facts.sizes}, sha256 {facts.sha256}")


if __name__ == "__main__":
    main()
