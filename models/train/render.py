"""Pictures: from ink on a large canvas to the 28x28 picture the model reads.

Ink is a float32 array, 0 for paper and 1 for ink. Everything random takes a
numpy Generator, so that one seed gives one picture.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

SIDE = 28  # the model's picture
BOX = 20  # the ink's longest side inside it
FINE = 4  # ink is drawn this many times finer than the picture
INK_THRESHOLD = 0.1  # a pixel darker than this is ink when cropping

FILTERS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
)


def normalise(ink, resample=Image.Resampling.BILINEAR):
    """The MNIST normalisation: crop, fit into 20x20, centre by mass in 28x28.

    Returns None when there is no ink.
    """
    rows = np.flatnonzero((ink > INK_THRESHOLD).any(axis=1))
    columns = np.flatnonzero((ink > INK_THRESHOLD).any(axis=0))
    if rows.size == 0:
        return None
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(np.ascontiguousarray(ink, dtype=np.float32))
    small = np.asarray(small.resize(size, resample)).clip(0, 1)
    centre_y, centre_x = ndimage.center_of_mass(small)
    top = round(SIDE / 2 - (centre_y + 0.5))
    left = round(SIDE / 2 - (centre_x + 0.5))
    top = min(max(top, 0), SIDE - small.shape[0])
    left = min(max(left, 0), SIDE - small.shape[1])
    picture = np.zeros((SIDE, SIDE), np.float32)
    picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return picture


def draw_strokes(strokes, width, radius_factors=None):
    """Draw polylines with a round pen.

    `strokes` are (n, 2) arrays of x, y in any unit; `width` is the pen's width
    in pixels of the finished 20x20 box. `radius_factors`, one array per
    stroke, makes the pen thinner or thicker along the way.
    """
    every = np.concatenate(strokes)
    low, high = every.min(axis=0), every.max(axis=0)
    pen = width * FINE
    scale = max(BOX * FINE - pen, FINE) / max((high - low).max(), 1e-6)
    margin = pen + 2
    size = np.ceil((high - low) * scale + 2 * margin).astype(int)
    image = Image.new("L", (int(size[0]), int(size[1])), 0)
    draw = ImageDraw.Draw(image)
    for index, stroke in enumerate(strokes):
        points = (stroke - low) * scale + margin
        if radius_factors is None:
            radii = np.full(len(points), pen / 2)
        else:
            radii = radius_factors[index] * pen / 2
        for (x, y), radius in zip(points, radii):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        for a, b, radius in zip(points[:-1], points[1:], radii[:-1]):
            draw.line((*a, *b), fill=255, width=max(1, round(2 * radius)))
    return np.asarray(image, np.float32) / 255


def warp(ink, rng, rotate, shear, stretch, elastic):
    """Turn, slant, stretch and bend the ink; the arguments are the greatest amounts.

    `rotate` is in degrees, `shear` and `stretch` are factors (0 is none), and
    `elastic` is the bend as a share of the ink's side.
    """
    side = int(max(ink.shape) * 1.5) + 8
    angle = np.deg2rad(rng.uniform(-rotate, rotate))
    slant = rng.uniform(-shear, shear)
    aspect = np.exp(rng.uniform(-stretch, stretch))
    # Rows are y, x; the matrix takes a place in the result to one in the ink.
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, 0], [slant, 1]]) @ np.diag([aspect**0.5, aspect**-0.5])
    centre_out = np.array([side / 2, side / 2])
    centre_in = np.array(ink.shape) / 2
    grid = np.indices((side, side), dtype=np.float32).reshape(2, -1) - centre_out[:, None]
    places = matrix @ grid + centre_in[:, None]
    if elastic > 0:
        amount = rng.uniform(0, elastic) * max(ink.shape)
        knots = rng.normal(0, amount, (2, 5, 5)).astype(np.float32)
        for axis in range(2):
            bend = Image.fromarray(knots[axis]).resize((side, side), Image.Resampling.BICUBIC)
            places[axis] += np.asarray(bend).ravel()
    moved = ndimage.map_coordinates(ink, places, order=1, mode="constant")
    return moved.reshape(side, side)


def thicken(ink, rng, amount):
    """Make the lines thicker or thinner by blurring and cutting at another level."""
    sigma = rng.uniform(0.3, 1) * amount * FINE
    soft = ndimage.gaussian_filter(ink, sigma)
    level = rng.uniform(0.2, 0.48) * soft.max()
    return ((soft - level) * 4 + 0.5).clip(0, 1).astype(np.float32)


def finish(picture, rng, blur, noise):
    """Last touches on a 28x28 picture: softness, pen darkness, sensor noise."""
    if rng.random() < 0.3:
        picture = ndimage.gaussian_filter(picture, rng.uniform(0, blur))
    if rng.random() < 0.5:
        picture = picture * rng.uniform(1.0, 1.6)
    elif rng.random() < 0.3:
        picture = picture * rng.uniform(0.7, 1.0)
    if rng.random() < 0.3:
        picture = picture + rng.normal(0, rng.uniform(0, noise), picture.shape)
    return picture.clip(0, 1).astype(np.float32)
