"""Measuring an exported model file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fonts import DIGITS


@dataclass
class Score:
    right: int
    count: int
    confusion: np.ndarray  # rows: label, columns: answer

    @property
    def share(self):
        return self.right / self.count

    def __str__(self):
        return f"{self.share:.2%} ({self.right} of {self.count})"


def images(pictures):
    """The model's input for uint8 pictures."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).float().div(255).unsqueeze(1)


def answers(run, pictures):
    """The digit read in each uint8 picture."""
    logits = torch.cat([run(part) for part in images(pictures).split(500)])
    return logits.argmax(dim=1).numpy()


def score(run, pictures, labels):
    read = answers(run, pictures)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, read), 1)
    return Score(int((read == labels).sum()), len(labels), confusion)


def plain_faces(faces):
    """Each held-out face's ten digits as the font draws them, not bent at all."""
    held = [face for face in faces if face.held_out]
    pictures = np.concatenate([face.prints for face in held])
    labels = np.tile(np.arange(10, dtype=np.uint8), len(held))
    return np.rint(pictures * 255).astype(np.uint8), labels


def read_pictures(run, folder):
    """Read digit-<label>.jpg files, 28x28, white on black; (label, answer, probability) each."""
    result = []
    for path in sorted(Path(folder).glob("digit-[0-9].jpg")):
        picture = np.asarray(Image.open(path).convert("L"))
        assert picture.shape == (28, 28), path.name
        image = torch.from_numpy(picture.copy()).float().div(255)[None, None]
        chances = run(image).softmax(dim=1)[0]
        answer = int(chances.argmax())
        result.append((DIGITS.index(path.stem[-1]), answer, float(chances[answer])))
    return result
