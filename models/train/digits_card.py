"""The texts that go with the files: model card, font list, test data description."""

from collections import defaultdict

from digits_data import MILD
from digits_model import CHANNELS
from fonts import HELD_OUT_SHARE, SAME_DESIGN, SAME_SERIES
from markdown import table

PICTURES_SOURCE = (
    "https://github.com/webonnx/wonnx, folder `data/images`, "
    "commit c62f5d336c152102882a163ebc1eb18e63550de8"
)


def confusion_table(confusion):
    rows = [
        [f"**{digit}**", *(n or "" for n in row), f"{row[digit] / row.sum():.1%}"]
        for digit, row in enumerate(confusion)
    ]
    return table(["digit", *range(10), "right"], *rows)


def family_counts(faces):
    split = {True: set(), False: set()}
    groups = {True: set(), False: set()}
    for face in faces:
        split[face.held_out].add(face.family)
        groups[face.held_out].add(face.group)
    return split, groups


def font_list(faces, left_out, versions):
    """Every face used, by group; every file left out, with the reason."""
    by_group = defaultdict(list)
    for face in faces:
        by_group[face.group].append(face)
    lines = [
        "# Font faces whose digits were rendered to train and test `digits`.",
        "# Written by models/train/digits.py. The fonts themselves are not part of this project.",
        "# group of families | family | Debian package and version | files",
    ]
    for held_out, title in ((True, "Held out"), (False, "Trained on")):
        lines += ["", f"## {title}", ""]
        for group in sorted(by_group):
            rows = defaultdict(list)
            for face in by_group[group]:
                if face.held_out == held_out:
                    rows[face.family, face.package].append(face.file)
            for (family, package), files in sorted(rows.items()):
                lines.append(f"{group} | {family} | {package} {versions[package]} | {', '.join(sorted(files))}")
    lines += ["", "## Not used, and why", ""]
    lines += [f"{name} | {reason}" for name, reason in sorted(left_out)]
    return "\n".join(lines) + "\n"


def distilled(f):
    """What the teacher was good for; nothing where there was none."""
    if not f.peers:
        return ""
    columns = (f.scores, f.peers["alone"], f.peers["teacher"])
    rows = (("printed", "held-out fonts"), ("plain", "as the font draws them"), ("drawn", "held-out drawn digits"))
    right = table(
        ("", "this model", "same size, no teacher", "teacher"),
        ("parameters", f"{f.parameters:,}", f"{f.parameters:,}", f"{f.teacher_parameters:,}"),
        *((title, *(scores[name] for scores in columns)) for name, title in rows),
        ("`digits-heldout.bin.gz`", *(scores["file"] for scores in columns)),
    )
    return f"""
## Teacher

The model learnt from a larger one of the same recipe: six 3x3 convolutions (16, 16, 32, 32, 48, 64 channels),
trained for 7 epochs. Nine tenths of the model's loss are how far its answers are from what the teacher
answers to the same picture, at a temperature of 3: so it learns which digits look alike, which labels do
not tell. Right answers of the two and of a third, which has the model's size and learnt from the labels alone,
from the same pictures in the same order:

{right}
"""


def model_card(facts):
    f = facts
    families, groups = family_counts(f.faces)
    plain, printed, drawn = f.scores["plain"], f.scores["printed"], f.scores["drawn"]
    if f.pictures:
        right = sum(label == answer for label, answer, _ in f.pictures)
        rows = [(label, answer, f"{chance:.3f}") for label, answer, chance in f.pictures]
        pictures = f"""{right} of {len(f.pictures)} read right. These are test pictures only; nothing was trained on them.
They come from {PICTURES_SOURCE} (`0.jpg` and so on).

{table(("picture of", "read as", "probability"), *rows)}"""
    else:
        pictures = "Not measured in this run (`--pictures` was not given)."
    about = table(
        ("", ""),
        ("files", ", ".join(f"`{name}/model.onnx` {size:,} bytes" for name, size in f.sizes.items())),
        ("sha256 of fp32", f"`{f.sha256}`"),
        ("input", "`image`, float32 `[batch, 1, 28, 28]`, 0 = black paper, 1 = white ink"),
        ("output", "`logits`, float32 `[batch, 10]`; the greatest is the digit, softmax gives probabilities"),
        ("parameters", f"{f.parameters:,}"),
        ("ONNX opset", f.opset),
        ("licence", "MIT"),
    )
    accuracy = table(
        ("test set", "right"),
        (
            f"held-out fonts, mild bending (up to {MILD['rotate']} degrees; {printed.count:,} pictures)",
            f"**{printed.share:.2%}**",
        ),
        ("held-out fonts as the font draws them (each face once)", plain),
        (
            f"held-out drawn digits (other seeds, same styles; {drawn.count:,} pictures)",
            f"**{drawn.share:.2%}**",
        ),
        ("`test/data/digits-heldout.bin.gz` (600 printed, 200 drawn, from the sets above)", f.scores["file"]),
    )
    return f"""# digits

Reads one handwritten or printed digit. Trained from scratch for this project on
pictures that the recipe draws itself; no data set of scans was used.

{about}

## Preparing the input

The model expects the MNIST normalisation, which the recipe does in
`models/train/render.py` (`normalise`):

1. white ink on black, values from 0 to 1 (a dark pen on white paper must be inverted);
2. crop to the ink: the bounding box of all pixels above {f.ink_threshold};
3. scale the crop so that its longer side is 20 pixels, aspect kept, with an
   antialiasing filter (area average or bilinear over the covered area; plain
   nearest or 2x2 bilinear sampling of a large canvas loses thin lines);
4. place it in 28x28 so that the centre of mass of the ink is at the centre,
   to the nearest whole pixel, the crop staying inside the picture.

A canvas without ink has no answer; do not run the model on it.

## Architecture

A 5x5 convolution of stride 2 and three 3x3 convolutions with ReLU ({", ".join(map(str, CHANNELS))} channels), max
pooling after the second and the fourth, one fully connected layer to 10 logits. Batch
normalisation was used in training and is folded into the convolutions. Operators
in the fp32 file: {f.operators}. The smaller files are made of it by `spillway quantize`;
`models/README.md` says how they compare.
{distilled(f)}
## Data

- **Printed digits**, {f.count_printed:,} pictures: {sum(not face.held_out for face in f.faces)} font faces of {len(families[False])} families from Debian
  packages, turned, slanted, stretched, bent, thickened or thinned, blurred, with noise.
- **Drawn digits**, {f.count_drawn:,} pictures: pen paths for the ways in which people write
  each digit (`models/train/strokes.py`), with scattered control points, slant, tremor
  and coarse mouse paths, drawn with a round pen 1.0 to 4.4 pixels wide in the 20 pixel box.

Fonts were only rendered; none is distributed here. `fonts.txt` names every face used,
every held-out family, and every font file left out with the rule that left it out.
The rules look at the glyphs only (all ten digits and the Latin letters present, ink share,
at most two pieces and a bounded number of holes per digit, no digits in key caps,
ornaments or between ruled lines); no font was dropped for being hard to read.

**Held-out families.** Families that share a design form a group, so that a clone of a
held-out face is not trained on: any two of their faces differ by less than {SAME_DESIGN} in mean
pixel value, or by less than {SAME_SERIES} when the names begin with the same three letters.
The {HELD_OUT_SHARE:.0%} of groups with the lowest hash of (seed, name) are held out:
{len(groups[True])} of {len(groups[True]) + len(groups[False])} groups, {len(families[True])} of {len(families[True]) + len(families[False])} families, {sum(face.held_out for face in f.faces)} of {len(f.faces)} faces.

## Accuracy

Measured by running the graph of the exported file.

{accuracy}

Held-out families with the most errors (mild bending): {f.worst_families}.

Held-out fonts, counts of answers by digit:

{confusion_table(printed.confusion)}

Held-out drawn digits:

{confusion_table(drawn.confusion)}

### Four real MNIST pictures

{pictures}

## Intended use and limits

- For demonstrations and tests: one digit drawn with a finger or mouse, or one printed digit.
- The drawn test set comes from the same stroke generator as the training set, with other
  seeds. It tells how well the model learnt that generator, not how well it reads
  every person's hand; the held-out fonts and the MNIST pictures are the independent checks.
- It always answers with one of ten digits: letters, several digits and scribbles get an
  answer too, at times with a high probability.
- Very thick pens that close the loops of 6, 8, 9 and 0, a seven
  with a short bar against a one with a flag, and an open nine against an open four
  are the hard cases, as they are for people.
- Digits turned by more than about 20 degrees, mirrored digits and other digit scripts are out of scope.
- Not for postal codes, cheques, exams or anything where a wrong digit does harm.

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
    layout = table(
        ("bytes", "content"),
        ("4", f"number of pictures, unsigned 32-bit little-endian: {f.file_count}"),
        ("count", "labels, one byte each, 0 to 9"),
        (
            "count x 784",
            "pictures, 28 rows of 28 bytes each, row by row; 0 = black paper, 255 = white ink",
        ),
    )
    return f"""# digits-heldout.bin.gz

800 pictures of digits that the model `digits` was not trained on, for tests of the
model and of runtimes. Written by `models/train/digits.py` (seed {f.seed}); do not edit.

Gzip of:

{layout}

A pixel is the picture's value times 255, rounded; divide by 255 for the model's input.

- Pictures 0 to 599 are printed: digits of held-out font families
  (`models/catalogue/digits/fonts.txt`), mildly bent. 60 of each digit.
- Pictures 600 to 799 are drawn: pen strokes from seeds kept for testing. 20 of each digit.
- Labels run 0, 1, ..., 9, 0, 1, ... in both parts.
- All are normalised as the model card describes.

The exported `fp32/model.onnx` reads {f.scores['file']} of them right:
{f.scores['file printed']} of the printed and {f.scores['file drawn']} of the drawn ones.
sha256 of the file: `{f.file_sha256}`.
"""
