"""The texts that go with the files: model card, test data description."""

import numpy as np

from markdown import table
from transactions_data import DEFRAUDED, FILE_FRAUD, FILE_OWN, PARTS, PERIODS
from transactions_evaluate import BANDS, FALSE_POSITIVES, RESAMPLED
from transactions_features import FEATURES
from transactions_model import HIDDEN, PIECES, TEACHER_HIDDEN, TEACHER_SHARE
from transactions_simulator import CATEGORIES, DAYS, FAR_TOWNS, HOME_TOWNS, KINDS

# Two payments made up for the card, by feature: groceries round the corner at six in the evening, and
# electronics 1,800 km away by magnetic stripe half an hour after coffee at home.
EXAMPLES = {
    "amount_log_ratio": (0.15, 1.9),
    "distance_home": (4.2, 1800),
    "distance_last": (2.5, 1796),
    "hours_last": (9.5, 0.5),
    "speed": (0.26, 3592),
    "count_hour": (0, 1),
    "count_day": (1, 3),
    "spent_day": (0.6, 2.4),
    "hour_sin": (-1, -0.866),
    "hour_cos": (0, -0.5),
    "online": (0, 0),
    "chip": (1, 0),
    "pin": (0, 0),
    "category_risk": (0.1, 0.8),
    "category_share": (0.31, 0.02),
    "new_merchant": (0, 1),
}
assert list(EXAMPLES) == [name for name, _, _ in FEATURES]


def percent(share):
    return f"{share:.1%}"


def with_interval(value, bounds, show):
    return f"{show(value)} ({show(bounds[0])} to {show(bounds[1])})"


def features_table(examples):
    rows = [
        (place, f"`{name}`", unit, meaning, *(f"{value:g}" for value in EXAMPLES[name]))
        for place, (name, unit, meaning) in enumerate(FEATURES)
    ]
    end = ("", "**probability**", "", "what the model answers", *(f"**{value:.2g}**" for value in examples))
    return table(("", "feature", "unit", "meaning", "example A", "example B"), *rows, end)


def sets_table(sets):
    rows = []
    for part, rows_of in sets.items():
        begin, end = PERIODS[part]
        fraud = int(rows_of.labels.sum())
        share = f"{len(PARTS[part]) * 10}%"
        rows.append((part, share, f"{begin} to {end}", f"{len(rows_of):,}", f"{fraud:,}", f"{fraud / len(rows_of):.2%}"))
    return table(("set", "of the cardholders", "days", "payments", "fraud", "base rate"), *rows)


def scores_table(f):
    def column(score, bounds):
        auc, precision, recall = bounds
        return (
            with_interval(score.roc_auc, auc, "{:.3f}".format),
            with_interval(score.average_precision, precision, "{:.3f}".format),
            with_interval(score.recall, recall, percent),
            f"{score.log_loss:.5f}",
        )

    labels = ("ROC AUC", "average precision", f"recall at {FALSE_POSITIVES:.0%} false positives", "log loss")
    rows = zip(labels, column(f.score, f.interval), column(f.baseline, f.baseline_interval))
    return table(("", "this model", "logistic regression"), *rows)


def taught(f):
    """What the teacher was good for; nothing where there was none."""
    if not f.peers:
        return ""
    columns = (f.score, f.peers["alone"], f.peers["teacher"])
    shown = table(
        ("", "this model", "same size, no teacher", "teacher"),
        ("parameters", f"{f.parameters:,}", f"{f.parameters:,}", f"{f.teacher_parameters:,}"),
        ("ROC AUC", *(f"{score.roc_auc:.4f}" for score in columns)),
        ("average precision", *(f"{score.average_precision:.3f}" for score in columns)),
        (f"recall at {FALSE_POSITIVES:.0%} false positives", *(percent(score.recall) for score in columns)),
        ("log loss", *(f"{score.log_loss:.5f}" for score in columns)),
    )
    first, second = TEACHER_HIDDEN
    return f"""
## Teacher

The model learnt from a larger one of the same recipe, with layers of {first} and {second}: of what it was to answer,
{TEACHER_SHARE:.0%} was the teacher's probability and the rest the label. A third has the model's size and learnt from the
labels alone, from the same rows in the same order. On the test set:

{shown}

The brackets above tell how much of such a difference is chance.
"""


def caught_table(f):
    kinds = f.sets["test"].kinds
    rows = [
        (KINDS[kind - 1], f"{(kinds == kind).sum():,}", percent(share))
        for kind, share in zip(np.unique(kinds), f.caught)
        if kind
    ]
    return table(("pattern", "payments", "recognised"), *rows)


def calibration_table(f):
    rows = [(f"{low:g} to {high:g}", f"{count:,}", f"{mean:.3%}", f"{share:.3%}") for low, high, count, mean, share in f.calibration]
    return table(("probability", "payments", "mean probability", "share of fraud"), *rows)


def model_card(facts):
    f = facts
    about = table(
        ("", ""),
        ("file", f"`fp32/model.onnx`, {f.size:,} bytes"),
        ("sha256", f"`{f.sha256}`"),
        ("input", f"`features`, float32 `[batch, {len(FEATURES)}]`, raw, in the units below"),
        ("output", "`probability`, float32 `[batch, 1]`, of fraud"),
        ("parameters", f"{f.parameters:,}, {f.parameters - len(PIECES) * (len(FEATURES) + 1):,} of them learnt"),
        ("ONNX opset", f.opset),
        ("licence", "MIT"),
    )
    risks = table(("category", "risk"), *((category.name, category.risk) for category in CATEGORIES))
    first, second = HIDDEN
    return f"""# transactions

**Trained and measured on simulated card payments only: no real payment was used, and it is not for decisions
about real ones.** Gives the probability that one card payment is fraud. A small model for pages that score
many payments: examples, tests, measurements.

{about}

## Input

One row a payment. A page needs nothing but the card's earlier payments to compute it, and no scaler: the numbers
go in as they are. `History` in `models/train/transactions_features.py` computes all of them, one payment at a time.
Every number must be finite.

{features_table(f.examples)}

Example A is groceries round the corner at six in the evening; example B is electronics 1,800 km away, paid by magnetic
stripe half an hour after a payment at home.

The risk of a category is set by hand in the simulator, as a page would set it from what is known of a trade:

{risks}

## Architecture

The scaling is a fixed first layer of {len(PIECES)} units: what spans orders of magnitude (kilometres, hours, speed, counts, sums)
becomes `relu(1 - x / s)` for a few `s` from small to large, the rest passes much as it is. So every unit is of the order of
one, however far or fast a payment is. Two layers of {first} and {second} with ReLU follow, and one output with a sigmoid.
Operators in the file: {f.operators}.

## Data

Everything is simulated by `models/train/transactions_simulator.py`: {f.cardholders:,} cardholders over {DAYS} days, {HOME_TOWNS} towns
of one country and {FAR_TOWNS} abroad with their merchants, and online merchants, of {len(CATEGORIES)} categories.

- **Cardholders** have a home, a level of spending, tastes, hours, usual merchants, and habits with PIN and online orders.
- **Fraud** meets {DEFRAUDED:.0%} of them once: a stolen card used in a burst nearby; a number tried online with small amounts and
  then used for large ones; a cloned stripe in another town; an account taken over, at odd hours and in odd trades; and
  quiet fraud that looks like any other online payment.
- **Overlap** is there on purpose: trips abroad and to other towns, cards that two people use in two places, shopping
  sprees in the street and online, terminals without chip readers, merchants that report their head office as the place,
  dear things once in a while, thieves who know the PIN, fraud without anything odd about it.

**No leakage.** A feature sees only payments before its own, fraud among them, since nobody knows of it yet. Sets are
apart by cardholder, and the test days come after the training days; the first {PERIODS["train"][0]} days only fill the histories.

{sets_table(f.sets)}

## Accuracy

On the test set, by running the graph of the exported file. In brackets: where 95% of the values lie when whole
cardholders are drawn anew ({RESAMPLED} times).

{scores_table(f)}

The logistic regression was fitted to the same rows and features, with logarithms of those that span orders of magnitude.
False positives of {FALSE_POSITIVES:.0%} mean a probability above {f.score.threshold:.4f}; at that, by pattern:

{caught_table(f)}

**Calibration.** All payments weighed the same in training, so the output is a probability at this base rate:

{calibration_table(f)}
{taught(f)}
## Intended use and limits

- For demonstrations, tests and measurements of many small calls.
- **Not for decisions about real payments or people.** It knows the habits of a simulator. How well it does here says
  nothing of how well it, or any model, does on real payments.
- Real fraud is at least ten times rarer, changes over time, and is labelled late and incompletely; here every label is right.
- Quiet fraud is hardly ever recognised: nothing tells it from other payments.
- A card's first payments have no history; the model was trained on cards known for at least {PERIODS["train"][0]} days.
- The numbers of another definition of a feature (another median, other hours, other risks) are other numbers.

## Recipe

```
{f.command}
```

Seed {f.seed}, {f.epochs} epochs; see `models/train/README.md`.
Made with {f.versions}.

## Licence

MIT, like the rest of the project.
"""


def test_data(facts):
    f = facts
    rows, width = f.kept.features.shape
    fraud = f.kept.labels == 1
    flagged = f.kept_answers > f.score.threshold
    layout = table(
        ("bytes", "content"),
        ("4", f"number of rows, unsigned 32-bit: {rows}"),
        ("4", f"number of features, unsigned 32-bit: {width}"),
        (f"rows x {width * 4}", "features, float32, row by row, in the order of the model card"),
        ("rows x 4", "the exported model's probabilities, float32"),
        ("rows", "labels, one byte each: 1 fraud, 0 not"),
    )
    return f"""# transactions-heldout.bin.gz

{rows} simulated card payments that the model `transactions` was not trained on, for tests of
the model and of runtimes. Written by `models/train/transactions.py` (seed {f.seed}); do not edit.

Gzip of, all little-endian:

{layout}

- {FILE_OWN} are the cardholders' own and {FILE_FRAUD} are fraud, drawn from the test set and shuffled: far more
  fraud than in the test set, so shares and calibration measured here mean nothing.
- The probabilities are those of the graph in `fp32/model.onnx`, run by the recipe. A runtime should come
  within the manifest's `tolerance` of them, whatever the batch.

Above {f.score.threshold:.4f} are {(flagged & fraud).sum()} of the {FILE_FRAUD} frauds and {(flagged & ~fraud).sum()} of the {FILE_OWN} others.
sha256 of the file: `{f.file_sha256}`.
"""
