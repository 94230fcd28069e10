#!/usr/bin/env python3
"""Recipe of the model `transactions`: simulate card payments, train, export, measure, write the card.

Run from the root of the repository:

    nice -n 10 python3 models/train/transactions.py
"""

from types import SimpleNamespace

import numpy as np
import onnx
import torch

import distilling
import manifest
import onnx_file
import recipe
import transactions_card as card
import transactions_data as dataset
import transactions_evaluate as evaluate
import transactions_model as model
from transactions_features import FEATURES, NAMES

DEFAULTS = {"seed": 20240701, "epochs": 12, "cardholders": 20_000}
HELPS = {"cardholders": "in all sets together"}
MANIFEST = {
    "id": "transactions",
    "version": "1",
    "title": "Card transactions",
    "description": "Scores one card payment for fraud. Trained on simulated payments: for tests and demonstrations only.",
    "license": "MIT",
    "task": "tensor",
    "inputs": [
        {
            "name": "features",
            "type": "float32",
            "shape": [-1, len(FEATURES)],
            "description": "In natural units, not scaled: "
            + ", ".join(f"{name} ({unit})" if unit in ("ln", "km", "hours", "km/h", "medians") else name for name, unit, _ in FEATURES)
            + ". The model card says how each is computed.",
        }
    ],
    "outputs": [
        {
            "name": "probability",
            "type": "float32",
            "shape": [-1, 1],
            "description": "Of fraud, from 0 to 1, at the base rate of the simulation.",
        }
    ],
    "batchAxis": 0,
    "tolerance": 1e-5,
}
VARIANTS = [{"id": "fp32", "precision": "fp32", "memory": 2**20}]


def main():
    parser = recipe.parser(__doc__, "transactions", DEFAULTS, HELPS)
    distilling.add_option(parser)
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate; changes nothing in the result")
    options = parser.parse_args()
    log = recipe.start(threads=1)  # more would not help with a network this small
    sets = dataset.make(options.seed, options.cardholders, options.workers)
    for part, rows in sets.items():
        log(f"{part}: {len(rows)} payments, {rows.labels.sum()} of them fraud")
    test = sets["test"]

    model_path = options.model_dir / manifest.MODEL

    def make(path, larger, learns_from):
        hidden = model.TEACHER_HIDDEN if larger else model.HIDDEN
        network = model.train(hidden, sets["train"], sets["validate"], options.epochs, options.seed, log, learns_from)
        notes = {"model": "transactions", "licence": "MIT", "seed": str(options.seed), "data": "simulated"}
        names = "features", "probability"
        onnx_file.export(network, torch.zeros(1, len(NAMES)), path, names, notes)
        difference = onnx_file.greatest_difference(network, path, torch.from_numpy(test.features))
        log(f"{path.name} exported; greatest difference from the trained network {difference:.2g}")
        assert difference < MANIFEST["tolerance"]

    if not options.measure_only:
        distilling.train(options.teacher, model_path, make)
    manifest.write(options.model_dir, MANIFEST, VARIANTS)
    run = onnx_file.OnnxRunner(model_path)

    peers = distilling.peers(options.teacher)
    answers = evaluate.answers(run, test.features)
    simple = model.logistic_regression(sets["train"])(test.features)
    score, baseline = evaluate.score(answers, test.labels), evaluate.score(simple, test.labels)
    log(f"model: {score}")
    log(f"logistic regression: {baseline}")

    test_path = options.test_dir / "transactions-heldout.bin.gz"
    options.test_dir.mkdir(parents=True, exist_ok=True)
    kept = dataset.for_file(test, options.seed)
    kept_answers = evaluate.answers(run, kept.features)
    dataset.write_test_file(test_path, kept.features, kept_answers, kept.labels)

    facts = SimpleNamespace(
        sets=sets,
        seed=options.seed,
        epochs=options.epochs,
        cardholders=options.cardholders,
        command=recipe.command_line("transactions", DEFAULTS, options) + (" --teacher <folder>" if options.teacher else ""),
        size=model_path.stat().st_size,
        sha256=manifest.sha256(model_path),
        parameters=run.parameters,
        opset=onnx_file.OPSET,
        operators=", ".join(run.operators),
        score=score,
        interval=evaluate.interval(answers, test, options.seed),
        baseline=baseline,
        peers={name: evaluate.score(evaluate.answers(peer, test.features), test.labels) for name, peer in peers.items()},
        teacher_parameters=peers["teacher"].parameters if peers else None,
        baseline_interval=evaluate.interval(simple, test, options.seed),
        caught=[float((answers[test.kinds == kind] > score.threshold).mean()) for kind in np.unique(test.kinds)],
        calibration=evaluate.calibration(answers, test.labels),
        examples=evaluate.answers(run, np.array(list(zip(*card.EXAMPLES.values())), np.float32)),
        kept=kept,
        kept_answers=kept_answers,
        file_sha256=manifest.sha256(test_path),
        versions=recipe.versions(PyTorch=torch, ONNX=onnx, NumPy=np),
    )
    (options.model_dir / "README.md").write_text(card.model_card(facts))
    (options.test_dir / "transactions-heldout.md").write_text(card.test_data(facts))
    log(f"{model_path.name}: {facts.size} bytes, sha256 {facts.sha256}")


if __name__ == "__main__":
    main()
