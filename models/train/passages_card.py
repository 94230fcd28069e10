"""The model card of `passages`."""

from markdown import table
from passages_model import DROPPED, TEMPERATURE


def card(options, facts, measured):
    return f"""# passages

Turns English text into {options.width} numbers, so that passages which could stand near each other in a tale are near. A toy: it shows a search as one types without a server, in {facts['bytes'] / 1e6:.1f} MB. It knows the words of old tales, each word in one sense only, and no order of words.

## Model

A vector of {options.width} numbers, a byte each and a scale, for each of {options.vocabulary:,} pieces: a text is the sum of its pieces' vectors, scaled to length 1. The pieces (WordPiece, lower case without accents) are the most frequent words of the training tales, with letters and endings for the others.

## Data

`stories.txt`: [public-domain tales and chapters of children's books](../bard/tales.md), all first published before 1929 (SHA-256 `{facts['text_sha256']}`). {facts['tales']:,} tales, cut into {facts['passages']:,} passages of 60 words or a little more, to train on; {facts['held']} whole tales, {facts['held_passages']:,} passages, held out by chance. The twelve chapters of *Alice's Adventures in Wonderland* ({facts['book_passages']} passages) are held out, too. *Through the Looking-Glass*, which has the same heroine, is not.

## Training

`models/train/passages.py`, seed {options.seed}: {facts['pairs']:,} pairs, of neighbouring passages and of a sentence with the rest of its passage, {options.epochs} epochs in batches of {options.batch}. Each text has to be told from the others of its batch (InfoNCE, temperature {TEMPERATURE}), with {DROPPED:.0%} of the words left out by chance. Vectors begin by chance, longer for rarer words.

## Measured

How often the right passage is the first found, and among the first ten, of all passages of the set. TF-IDF and BM25 count the same pieces; they keep every word of every passage, where this model keeps {options.width} numbers.

{chr(10).join(section(name, ways) for name, ways in measured.items())}
{verdict(measured)}

## Good for, and not

For demonstrations, for tests, and for texts like its own. Not for facts, for questions and their answers, for other languages, or for words that old tales do not have. For a search that people rely on take a sentence encoder such as `all-MiniLM-L6-v2`, which `../hub.json` lists, or BM25. Period attitudes of the tales may show in what it finds alike.

## Licence

MIT, the weights too.
"""


def section(name, ways):
    names = list(ways[0][1])
    heading = ["", *(f"{name}: {rank}" for name in names for rank in ("first", "of ten"))]
    rows = [[way, *(f"{share:.1%}" for name in names for share in found[name])] for way, found in ways]
    return f"{name}:\n\n{table(heading, *rows)}\n"


def verdict(measured):
    """In how many of the figures counting words does better."""
    figures = lost = 0
    for ways in map(dict, measured.values()):
        for name, found in ways["`passages`, q8"].items():
            for rank, ours in enumerate(found):
                best = max(ways["TF-IDF, cosine"][name][rank], ways["BM25"][name][rank])
                figures, lost = figures + 1, lost + (ours < best)
    return f"The better of TF-IDF and BM25 finds more in {lost} of these {figures} figures."
