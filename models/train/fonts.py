"""The printed digits: which faces are used, which families are held out.

Faces come from the Debian packages named in apt-packages.txt and from nowhere
else. A face is kept or dropped by rules on its glyphs alone (see `complaint`),
before there is any model that could have an opinion.
"""

import hashlib
import logging
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from render import BOX, FINE, normalise

logging.getLogger("fontTools").setLevel(logging.ERROR)  # says much about old fonts

DIGITS = "0123456789"
HELD_OUT_SHARE = 0.15  # of the groups of families
SAME_FACE = 0.012  # mean pixel difference below which two faces are one
SAME_DESIGN = 0.025  # ... below which two families are one design
SAME_SERIES = 0.060  # ... the same, for families whose names begin alike
STYLE_WORDS = re.compile(
    r"[\s_-]+(thin|extra ?light|light|book|regular|medium|semi ?bold|demi|bold|"
    r"extra ?bold|black|italic|oblique|condensed|narrow|wide|display|caption|mono)$",
    re.IGNORECASE,
)
# Families whose digits are not plain pen or type digits, seen on a contact
# sheet before training: name part -> reason.
NOT_PLAIN = {
    "dingbat": "pictures",
    "symbol": "pictures",
    "D050000L": "pictures",
    "keyboard": "digits inside key caps",
    "initials": "digits inside ornaments",
    "guiada": "digits between ruled lines",
    "pautada": "digits between ruled lines",
}


@dataclass
class Face:
    file: str  # base name of the font file
    family: str
    package: str
    glyphs: list = field(repr=False)  # ten ink arrays, longest side 20 * FINE
    prints: np.ndarray = field(repr=False)  # ten normalised 28x28 pictures
    group: str = ""
    held_out: bool = False


def listed_packages(path):
    lines = Path(path).read_text().splitlines()
    return [line for line in lines if line.startswith("fonts-")]


def package_files(package):
    """Font files of an installed Debian package, in a fixed order."""
    listing = subprocess.run(
        ["dpkg-query", "-L", package], check=True, capture_output=True, text=True
    ).stdout
    paths = [Path(line) for line in listing.splitlines()]
    fonts = [p for p in paths if p.suffix.lower() in (".ttf", ".otf") and p.is_file()]
    return sorted(fonts, key=lambda p: (p.name, str(p)))


def family_name(font):
    name = (font["name"].getBestFamilyName() or "").strip()
    while STYLE_WORDS.search(name):
        name = STYLE_WORDS.sub("", name)
    return name


def draw_glyph(font, character):
    """One character as ink, cropped, its longest side BOX * FINE pixels."""
    left, top, right, bottom = font.getbbox(character)
    if right <= left or bottom <= top:
        return None
    image = Image.new("L", (right - left + 4, bottom - top + 4), 0)
    ImageDraw.Draw(image).text((2 - left, 2 - top), character, fill=255, font=font)
    box = image.getbbox()
    if box is None:
        return None
    image = image.crop(box)
    scale = BOX * FINE / max(image.size)
    size = [max(1, round(side * scale)) for side in image.size]
    return np.asarray(image.resize(size, Image.Resampling.BOX), np.float32) / 255


def pieces_and_holes(ink):
    """Number of separate inked pieces and of enclosed holes, specks ignored."""
    solid = np.pad(ink > 0.5, 1)
    speck = 0.003 * solid.size
    pieces, _ = ndimage.label(solid, np.ones((3, 3)))
    holes, _ = ndimage.label(~solid)
    outside = holes[0, 0]
    count = lambda labels, skip: sum(
        1 for label, size in enumerate(np.bincount(labels.ravel())) if label not in skip and size > speck
    )
    return count(pieces, (0,)), count(holes, (0, outside))


def complaint(family, characters, glyphs):
    """Why a face cannot serve as plain digits; None when it can."""
    for part, reason in NOT_PLAIN.items():
        if part.lower() in family.lower():
            return reason
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    if not all(ord(c) in characters for c in letters):
        return "no Latin letters, so not a text face"
    for digit, ink in enumerate(glyphs):
        if ink is None:
            return f"{digit} has no ink"
        share = float((ink > 0.5).mean())
        if share < 0.03 or (share > 0.85 and digit != 1):
            return f"{digit} is {share:.0%} ink"
        pieces, holes = pieces_and_holes(ink)
        if pieces > 2:
            return f"{digit} is in {pieces} pieces"
        most = 1 if digit in (1, 2, 3, 5, 7) else 2
        if holes > most:
            return f"{digit} has {holes} holes"
        height, width = ink.shape
        if width > 1.5 * height:
            return f"{digit} is lying"
    return None


def load_face(path, package):
    """A face with its ten digits, or the reason why it is not used."""
    try:
        with TTFont(path, lazy=True) as font:
            family = family_name(font)
            characters = font.getBestCmap() or {}
        if not all(ord(c) in characters for c in DIGITS):
            return None, "has no digits"
        if len({characters[ord(c)] for c in DIGITS}) < 10:
            return None, "digits share glyphs"
        pen = ImageFont.truetype(str(path), 160, layout_engine=ImageFont.Layout.BASIC)
        glyphs = [draw_glyph(pen, c) for c in DIGITS]
    except Exception as error:  # a broken or bitmap-only font file
        return None, f"cannot be read ({type(error).__name__})"
    reason = complaint(family, characters, glyphs)
    if reason:
        return None, reason
    prints = np.stack([normalise(ink) for ink in glyphs])
    for a in range(10):
        for b in range(a):
            if np.abs(prints[a] - prints[b]).mean() < SAME_FACE:
                return None, f"{b} and {a} look the same"
    return Face(path.name, family, package, glyphs, prints), None


def group_designs(faces):
    """Name one group for all families that share a design.

    Two families do when any two of their faces are nearly alike, or when two
    are somewhat alike and the names begin with the same three letters.
    """
    families = sorted({face.family for face in faces})
    leader = {family: family for family in families}

    def find(family):
        while leader[family] != family:
            family = leader[family]
        return family

    flat = np.stack([face.prints.ravel() for face in faces])
    for index, face in enumerate(faces):
        differences = np.abs(flat[:index] - flat[index]).mean(axis=1)
        for other in np.flatnonzero(differences < SAME_SERIES):
            same_series = face.family[:3] == faces[other].family[:3]
            if differences[other] >= SAME_DESIGN and not same_series:
                continue
            a, b = sorted((find(face.family), find(faces[other].family)))
            leader[b] = a
    for face in faces:
        face.group = find(face.family)


def drop_doubles(faces):
    """Keep one of the faces whose digits are the same, the first in order."""
    kept, dropped = [], []
    for face in faces:
        alike = kept and np.abs(np.stack([k.prints for k in kept]) - face.prints).mean((1, 2, 3)).min()
        if kept and alike < SAME_FACE:
            dropped.append(face)
        else:
            kept.append(face)
    return kept, dropped


def hold_out(faces, seed):
    """Mark the groups with the lowest hashes of (seed, name) as held out."""
    groups = sorted({face.group for face in faces})
    order = sorted(groups, key=lambda g: hashlib.sha256(f"{seed}:{g}".encode()).hexdigest())
    held = set(order[: round(len(groups) * HELD_OUT_SHARE)])
    for face in faces:
        face.held_out = face.group in held


def load_faces(packages_file, seed):
    """All usable faces, grouped and split, and the list of (file, reason) left out."""
    faces, left_out = [], []
    for package in listed_packages(packages_file):
        for path in package_files(package):
            face, reason = load_face(path, package)
            if face:
                faces.append(face)
            else:
                left_out.append((path.name, reason))
    group_designs(faces)
    faces, doubles = drop_doubles(faces)
    left_out += [(face.file, "same digits as another face") for face in doubles]
    hold_out(faces, seed)
    return faces, left_out
