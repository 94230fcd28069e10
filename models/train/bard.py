#!/usr/bin/env python3
"""Recipe of the model `bard`: learn the pieces, train, and write a Hugging Face folder for `spillway import`.

Run from the root of the repository:

    OPENBLAS_NUM_THREADS=1 nice -n 19 python3 models/train/bard.py --text stories.txt --out bard-checkpoint
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch

import bard_data as dataset
import bard_model
import recipe
from bard_tokenizer import Tokenizer, learn
from bard_train import held_out_loss, sample, train

PROMPT = "Once upon a time there was"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True, help="tales, with lines of <|endoftext|> between them")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint; a stopped run goes on from it")
    parser.add_argument("--tokens", type=int, default=16_000_000, help="train on so many tokens")
    parser.add_argument("--minutes", type=float, help="train for so long instead, on as many tokens as that gives")
    parser.add_argument("--teacher", type=Path, help="a folder that this recipe made with a larger shape, to distil from")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--vocabulary", type=int, default=3072)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--dim", type=int, default=192)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--kv-heads", type=int, default=2)
    return parser.parse_args()


def unigram_entropy(row):
    share = np.bincount(row) / len(row)
    return float(-(share * np.log(np.where(share > 0, share, 1))).sum())


def main():
    options = parse()
    log = recipe.start(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    training, held = dataset.split(dataset.tales(options.text), options.seed)
    teacher = bard_model.read(options.teacher).eval() if options.teacher else None

    if options.teacher:
        tokenizer = Tokenizer.read(options.teacher)
    elif (options.out / "tokenizer.json").exists():
        tokenizer = Tokenizer.read(options.out)
    else:
        tokenizer = Tokenizer(learn(training, options.vocabulary))
    tokenizer.write(options.out, options.context)
    row, held_row = dataset.packed(tokenizer, training), dataset.packed(tokenizer, held)
    held_bytes = sum(len(tale.encode()) for tale in held)
    log(f"{len(training)} tales, {len(row):,} tokens; held out {len(held)}, {len(held_row):,} tokens, {held_bytes:,} bytes")
    log(f"entropy of single tokens {unigram_entropy(row):.3f}")

    shape = bard_model.Shape(
        len(tokenizer.pieces), options.context, options.dim, options.hidden, options.layers, options.heads, options.kv_heads
    )
    model = bard_model.Bard(shape)
    parameters = sum(weight.numel() for weight in model.parameters())
    log(f"{parameters:,} parameters")

    def show():
        generator = torch.Generator().manual_seed(options.seed)
        return tokenizer.decode(sample(model, [tokenizer.end, *tokenizer.encode(PROMPT)], 80, generator))

    done = train(model, row, held_row, options, options.seed, options.out / "checkpoint.pt", teacher, show, log)
    loss = held_out_loss(model, held_row)
    log(f"trained on {done.tokens:,} tokens; held-out loss {loss:.4f}\n{show()}")
    facts = {
        "seed": options.seed,
        "parameters": parameters,
        "tokens": done.tokens,
        "steps": done.steps,
        "minutes": round(done.seconds / 60, 1),
        "text": hashlib.sha256(options.text.read_bytes()).hexdigest(),
        "trainingTales": len(training),
        "trainingTokens": len(row),
        "heldOutTales": len(held),
        "heldOutTokens": len(held_row),
        "heldOutBytes": held_bytes,
        "heldOutLoss": loss,
        "teacher": bool(teacher),
        "versions": recipe.versions(PyTorch=torch, NumPy=np),
    }
    bard_model.write(model, options.out, tokenizer.end, {"model": "bard", "seed": str(options.seed)})
    (options.out / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    (options.out / "held-out.txt").write_text("\n<|endoftext|>\n".join(held) + "\n")


if __name__ == "__main__":
    main()
