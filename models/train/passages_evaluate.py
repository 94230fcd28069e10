"""How often a text's partner is found among the held-out passages: by the model, and by counting words."""

import numpy as np
from scipy import sparse

from passages_model import normalised

RANKS = (1, 10)


def questions(pairs):
    """(name, queries, candidates, the right candidate of each, the candidate that each query is)."""
    near = pairs.following
    sentences = np.arange(pairs.sentences.shape[0])
    return [
        ("the next passage", pairs.passages[near], pairs.passages, near + 1, near),
        ("the passage that a sentence was cut from", pairs.sentences, pairs.rests, sentences, None),
    ]


def recalls(scores_of, queries, right, itself):
    """Share of the queries whose partner is among the first one, and the first ten."""
    found = np.zeros(len(RANKS))
    for start in range(0, len(right), 512):
        part = slice(start, start + 512)
        scores = scores_of(queries[part])
        rows = np.arange(len(scores))
        if itself is not None:
            scores[rows, itself[part]] = -np.inf
        ranks = (scores > scores[rows, right[part]][:, None]).sum(1)
        found += [(ranks < limit).sum() for limit in RANKS]
    return found / len(right)


def rarity_of(bags):
    found = np.asarray((bags > 0).sum(0)).ravel()
    return np.log(1 + (bags.shape[0] - found + 0.5) / (found + 0.5)).astype(np.float32)


def by_model(table):
    def prepare(candidates):
        vectors = normalised(candidates @ table)[0].T
        return lambda queries: normalised(queries @ table)[0] @ vectors

    return prepare


def by_bm25(rarity, k1=1.2, b=0.75):
    def prepare(candidates):
        lengths = np.asarray(candidates.sum(1)).ravel()
        terms = candidates.copy()
        norm = np.repeat(k1 * (1 - b + b * lengths / lengths.mean()), np.diff(terms.indptr)).astype(np.float32)
        terms.data = terms.data * (k1 + 1) / (terms.data + norm)
        weighted = (terms @ sparse.diags(rarity)).T.tocsr()
        return lambda queries: (queries @ weighted).toarray()

    return prepare


def by_tfidf(rarity):
    def prepare(candidates):
        def unit(bags):
            bags = bags.copy()
            bags.data = 1 + np.log(bags.data)
            bags = (bags @ sparse.diags(rarity)).tocsr()
            lengths = np.sqrt(np.asarray(bags.multiply(bags).sum(1)).ravel()) + 1e-9
            return (sparse.diags(1 / lengths) @ bags).tocsr()

        vectors = unit(candidates).T.tocsr()
        return lambda queries: (unit(queries) @ vectors).toarray()

    return prepare


def measure(pairs, prepare):
    """Recall at 1 and at 10 for each question."""
    return {
        name: recalls(prepare(candidates), queries, right, itself).tolist()
        for name, queries, candidates, right, itself in questions(pairs)
    }
