#!/usr/bin/env python3
"""Recipe of the model `passages`: learn which passages of tales are neighbours, measure it, and write the model.

Run from the root of the repository:

    OPENBLAS_NUM_THREADS=1 nice -n 19 python3 models/train/passages.py --text stories.txt --table passages.npy
"""

import argparse
import hashlib
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np

import passages_data as dataset
import passages_evaluate as evaluate
import passages_model as model
import passages_onnx
from manifest import sha256
from manifest import write as write_manifest
from passages_card import card

ROOT = Path(__file__).resolve().parent.parent.parent
HELD_OUT = 0.04
CONTEXT = 4096  # tokens; nothing in the model limits them
# A book to try the model on: its twelve chapters are never trained on.
BOOK = ("Alice was beginning to get very tired of sitting by her sister", 12)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True, help="tales, with lines of <|endoftext|> between them")
    parser.add_argument("--table", type=Path, required=True, help="file of the trained vectors; trained where it is missing")
    parser.add_argument("--model-dir", type=Path, default=ROOT / "models/catalogue/passages")
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--vocabulary", type=int, default=12000)
    parser.add_argument("--width", type=int, default=96)
    return parser.parse_args()


def split(all_tales, seed):
    """(training tales, held-out tales, the book's chapters)."""
    first = next(place for place, tale in enumerate(all_tales) if BOOK[0] in tale)
    book = all_tales[first : first + BOOK[1]]
    others = all_tales[:first] + all_tales[first + BOOK[1] :]
    held = set(random.Random(seed).sample(range(len(others)), round(HELD_OUT * len(others))))
    kept = [tale for place, tale in enumerate(others) if place not in held]
    return kept, [others[place] for place in sorted(held)], book


def main():
    options = parse()
    began = time.monotonic()
    log = lambda text: print(f"[{time.monotonic() - began:6.0f} s] {text}", flush=True)
    training, held, book = split(dataset.tales(options.text), options.seed)
    counts = Counter(word for tale in training for word in dataset.words_of(tale))
    pieces = dataset.Pieces(counts, options.vocabulary)
    log(f"{len(training)} tales, {sum(counts.values()):,} words, {len(counts):,} different; held out {len(held)}")
    pairs, held_pairs, book_pairs = (dataset.Pairs(pieces, some, options.seed) for some in (training, held, book))
    log(f"{pairs.passages.shape[0]} passages, {len(pairs)} pairs; held out {held_pairs.passages.shape[0]}, {len(held_pairs)}")

    def show(table):
        return shown(evaluate.measure(held_pairs, evaluate.by_model(table)))

    if options.table.exists():
        table = np.load(options.table)
    else:
        table = model.started(pairs, options.width, options.seed)
        log(f"untrained: {show(table)}")
        model.train(table, pairs, options, log, show)
        np.save(options.table, table)

    folder = options.model_dir
    file = folder / "q8/model.onnx"
    passages_onnx.write(table, file, {"license": "MIT", "recipe": "models/train/passages.py"})
    pieces.write(folder, CONTEXT)
    write_manifest(folder, about(folder, options.width), [{"id": "q8", "precision": "q8", "memory": 4 * file.stat().st_size}])
    rarity = evaluate.rarity_of(pairs.passages)
    ways = {
        "`passages`, q8": evaluate.by_model(passages_onnx.dequantised(file)),
        "`passages` as trained": evaluate.by_model(table),
        "TF-IDF, cosine": evaluate.by_tfidf(rarity),
        "BM25": evaluate.by_bm25(rarity),
    }
    measured = {
        name: [(way, evaluate.measure(some, prepare)) for way, prepare in ways.items()]
        for name, some in (("The held-out tales", held_pairs), ("The book", book_pairs))
    }
    facts = {
        "tales": len(training),
        "held": len(held),
        "passages": pairs.passages.shape[0],
        "held_passages": held_pairs.passages.shape[0],
        "book_passages": book_pairs.passages.shape[0],
        "pairs": len(pairs),
        "text_sha256": hashlib.sha256(options.text.read_bytes()).hexdigest(),
        "bytes": file.stat().st_size,
    }
    (folder / "README.md").write_text(card(options, facts, measured))
    log("written")


def shown(found):
    return "; ".join(f"{name} {first:.3f}, {ten:.3f}" for name, (first, ten) in found.items())


def about(folder, width):
    pad = {"axis": 1, "value": 0}
    texts = [folder / name for name in ("tokenizer.json", "tokenizer_config.json")]
    return {
        "id": "passages",
        "version": "1",
        "title": "Passages",
        "description": f"Embeds passages of English tales in {width} dimensions, those that stand near each other alike.",
        "license": "MIT",
        "task": "feature-extraction",
        "inputs": [{"name": "input_ids", "type": "int64", "shape": [-1, -1], "pad": pad}],
        "outputs": [{"name": "last_hidden_state", "type": "float32", "shape": [-1, -1, width], "pad": pad}],
        "batchAxis": 0,
        "tokenizer": [{"path": file.name, "size": file.stat().st_size, "sha256": sha256(file)} for file in texts],
        "embedding": {"pooling": "mean", "normalize": True, "context": CONTEXT},
        "tolerance": 1e-5,
    }


if __name__ == "__main__":
    main()
