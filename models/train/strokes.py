"""The hand-drawn digits: pen paths in the shapes that people write.

Every digit has a function that returns one to three strokes, each an (n, 2)
array of x, y in a box about one unit high, x to the right and y down. Within a
function the random choices are the ways in which people differ: a one with or
without a flag and a base, a seven with or without a bar, a four open or
closed, and so on. `hand_drawn` then adds what all digits share: slant, turn,
width, an unsteady hand, coarse mouse paths and a pen of varying width.

Longer than 300 lines: ten digits with one function each, which read as one list.
"""

import numpy as np

from render import draw_strokes, finish, normalise, FILTERS

PIECES = 12  # points drawn between two control points of a curve


class Hand:
    """One writer at one moment: a source of chance and a degree of care."""

    def __init__(self, rng):
        self.rng = rng
        self.sloppy = rng.uniform(0.006, 0.042)  # scatter of control points

    def u(self, low, high):
        return float(self.rng.uniform(low, high))

    def chance(self, p):
        return self.rng.random() < p

    def pick(self, *weighted):
        """Choose among (weight, value) pairs."""
        weights = np.array([w for w, _ in weighted], float)
        return weighted[self.rng.choice(len(weighted), p=weights / weights.sum())][1]

    def scatter(self, points):
        points = np.asarray(points, float)
        return points + self.rng.normal(0, self.sloppy, points.shape)

    def line(self, *points):
        """Straight pulls of the pen with corners between them, each a little bowed."""
        points = self.scatter(points)
        parts = []
        for a, b in zip(points[:-1], points[1:]):
            t = np.linspace(0, 1, PIECES)[:, None]
            across = np.array([-(b - a)[1], (b - a)[0]])
            bow = self.rng.normal(0, 0.025)
            parts.append(a + (b - a) * t + across * bow * 4 * t * (1 - t))
        return np.concatenate(parts)

    def curve(self, *points):
        """A smooth pull through the points (Catmull-Rom)."""
        return smooth(self.scatter(points))

    def oval(self, cx, cy, rx, ry, start, sweep, grow=0.0, square=2.0):
        """Part of an oval from angle `start` over `sweep` degrees.

        0 is right, 90 is down, so a positive sweep goes clockwise. `grow`
        changes the radius along the way; `square` above 2 makes it boxier.
        """
        count = max(8, int(abs(sweep) / 9))
        t = np.linspace(0, 1, count)
        angle = np.deg2rad(start + sweep * t)
        c, s = np.cos(angle), np.sin(angle)
        size = (np.abs(c) ** square + np.abs(s) ** square) ** (-1 / square)
        size = size * (1 + grow * (t - 0.5))
        # A hand does not draw a true oval: two slow waves in the radius.
        for waves in (1, 2):
            phase = self.u(0, 2 * np.pi)
            size = size * (1 + self.rng.normal(0, 1.2 * self.sloppy) * np.sin(waves * angle + phase))
        return np.stack([cx + rx * size * c, cy + ry * size * s], axis=1)


def smooth(points):
    if len(points) == 2:
        return np.linspace(points[0], points[1], PIECES)
    ends = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    parts = []
    t = np.linspace(0, 1, PIECES, endpoint=False)[:, None]
    for a, b, c, d in zip(ends[:-3], ends[1:-2], ends[2:-1], ends[3:]):
        parts.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        )
    return np.concatenate(parts + [points[-1:]])


def chain(*parts):
    """One stroke out of parts that follow each other without lifting the pen."""
    return np.concatenate(parts)


def zero(h):
    rx = h.pick((3, h.u(0.26, 0.38)), (1.5, h.u(0.17, 0.26)), (1.5, h.u(0.38, 0.5)))
    start = h.u(-135, -35)
    way = -1 if h.chance(0.8) else 1
    extra = h.pick((5, h.u(-6, 14)), (2, h.u(14, 50)), (1.5, h.u(-32, -6)))
    ring = h.oval(0.5, 0.5, rx, 0.5, start, way * (360 + extra), h.rng.normal(0, 0.09), h.u(1.8, 2.6))
    if h.chance(0.12):  # the pen comes in from above with a small flick
        lead = h.curve(ring[0] + [-way * h.u(-0.02, 0.16), -h.u(0.02, 0.12)], ring[0])
        ring = chain(lead, ring)
    strokes = [ring]
    if h.chance(0.04):
        strokes.append(h.line((0.5 + rx * h.u(0.4, 1.1), h.u(0.05, 0.3)), (0.5 - rx * h.u(0.4, 1.1), h.u(0.7, 0.95))))
    return strokes


def one(h):
    style = h.pick((5, "bar"), (3.5, "flag"), (1.5, "flag and base"), (0.5, "base"))
    bow = h.rng.normal(0, 0.025)
    stem = h.curve((0, 0), (bow, h.u(0.4, 0.6)), (h.rng.normal(0, 0.02), 1))
    if style == "bar" and h.chance(0.08):
        stem = chain(stem, h.curve((0, 1), (h.u(0.04, 0.1), 1.0)))
    strokes = [stem]
    if "flag" in style:
        if h.chance(0.25):  # the long upstroke of continental hands
            reach = h.u(0.18, 0.34)
            drop = reach * h.u(1.05, 1.6)
        else:
            reach = h.u(0.06, 0.24)
            drop = reach * h.u(0.75, 1.4)
        sag = h.u(0, 0.05)
        flag = h.curve((-reach, drop), (-reach * 0.45, drop * 0.55 + sag), (0, 0))
        strokes = [chain(flag, stem)]
    if "base" in style:
        left, right, tilt = h.u(0.12, 0.32), h.u(0.12, 0.32), h.rng.normal(0, 0.03)
        strokes.append(h.line((-left, 1 + tilt), (right, 1 - tilt)))
    return strokes


def two(h):
    w = h.u(0.5, 0.72)
    style = h.pick((4.5, "corner"), (2.5, "loop"), (1.2, "swan"), (0.8, "angular"))
    if style == "angular":
        top = h.line((0, h.u(0, 0.1)), (w, 0)) if h.chance(0.5) else h.curve((0, h.u(0.08, 0.25)), (w * 0.5, 0), (w, h.u(0.08, 0.25)))
        return [chain(top, h.line(top[-1], (h.u(0, 0.08), 1), (w * h.u(1.0, 1.15), h.u(0.96, 1.03))))]
    hook = h.u(0.12, 0.34)
    belly = h.u(0.22, 0.34)
    top = [(h.u(0, 0.1), hook), (w * h.u(0.14, 0.22), hook * h.u(0.25, 0.45)), (w * h.u(0.42, 0.58), 0), (w * h.u(0.86, 0.96), belly * 0.4), (w, belly)]
    foot = h.u(0.9, 1.0)
    slope = [(w * h.u(0.72, 0.86), h.u(0.48, 0.6)), (w * h.u(0.36, 0.5), h.u(0.72, 0.8))]
    end = (w * h.u(1.0, 1.25), h.u(0.92, 1.05))
    if style == "corner":
        corner = (h.u(-0.04, 0.08), foot)
        down = h.curve(*top, *slope, corner)
        dip = h.rng.normal(0, 0.03)
        return [chain(down, h.curve(down[-1], ((corner[0] + end[0]) / 2, (foot + end[1]) / 2 + dip), end))]
    if style == "loop":
        size = h.u(0.06, 0.13)
        x = h.u(0.02, 0.1)
        bottom = [(x, 0.97), (x - size * 0.6, 1 - size), (x + size * 0.5, 1 - 1.7 * size), (x + 1.8 * size, 1 - 0.8 * size)]
        return [h.curve(*top, *slope, *bottom, (w * 0.75, 0.98), end)]
    low = [(w * 0.12, 0.92), (w * h.u(0.2, 0.3), h.u(0.97, 1.02)), (w * 0.6, h.u(0.95, 1.0))]
    return [h.curve(*top, *slope, *low, end)]


def three(h):
    w = h.u(0.44, 0.64)
    waist_y = h.u(0.4, 0.52)
    waist_x = w * h.u(0.2, 0.55)
    style = h.pick((4, "cusp"), (2, "soft"), (1.5, "loop"), (2, "flat"))
    end = (h.u(-0.05, 0.08), h.u(0.82, 0.97))
    lower = [(w * h.u(0.72, 0.85), waist_y + h.u(0.04, 0.09)), (w * h.u(0.95, 1.1), h.u(0.7, 0.78)), (w * h.u(0.55, 0.75), h.u(0.94, 0.99)), (w * h.u(0.25, 0.4), 1.0), end]
    if style == "flat":
        top = h.line((h.u(-0.02, 0.08), h.u(0, 0.06)), (w * h.u(0.8, 1.05), 0), (waist_x, waist_y * h.u(0.82, 1)))
        return [chain(top, h.curve(top[-1], *lower))]
    upper = [(h.u(-0.02, 0.1), h.u(0.08, 0.22)), (w * h.u(0.3, 0.45), 0), (w * h.u(0.8, 0.98), h.u(0.08, 0.15)), (w * h.u(0.75, 0.92), waist_y * h.u(0.66, 0.8))]
    if style == "cusp":
        top = h.curve(*upper, (waist_x, waist_y))
        return [chain(top, h.curve(top[-1], *lower))]
    if style == "soft":
        middle = [(w * h.u(0.5, 0.68), waist_y)]
    else:
        size = h.u(0.04, 0.1)
        middle = [(waist_x, waist_y + size * 0.4), (waist_x - size, waist_y - size * 0.2), (waist_x, waist_y - size * 0.8)]
    return [h.curve(*upper, *middle, *lower)]


def four(h):
    bar_y = h.u(0.5, 0.7)
    style = h.pick((4, "open"), (2.5, "closed"), (2, "one pull"), (1.5, "cup"))
    bar_end = h.u(0.62, 0.95)
    stem_x = h.u(0.4, 0.62)
    tilt = h.rng.normal(0, 0.04)
    lean = h.rng.normal(0, 0.05)
    if style == "closed":
        apex = (stem_x + h.u(-0.04, 0.04), h.u(-0.02, 0.04))
        corner = (h.u(-0.06, 0.06), bar_y)
        left = h.line(apex, corner, (max(bar_end, stem_x + 0.06), bar_y + tilt))
        stem = h.line((stem_x, h.u(-0.02, 0.06)), (stem_x + lean, 1))
        return [left, stem]
    if style == "one pull":  # never lifted: down, across, up to the stem's top, down
        top = h.u(0, 0.2)
        turn = (stem_x + h.u(0, 0.08), top)
        first = h.line((h.u(0.06, 0.24), h.u(0, 0.15)), (h.u(-0.04, 0.08), bar_y), (stem_x + h.u(0.02, 0.2), bar_y + tilt))
        second = h.line(turn, (stem_x + lean - h.u(0, 0.08), 1))
        return [chain(first, second)] if h.chance(0.4) else [first, second]
    start = (h.u(0.0, 0.26), h.u(0, 0.18))
    stem_top = h.u(-0.02, 0.34)
    if style == "open":
        left = h.line(start, (h.u(-0.06, 0.08), bar_y), (max(bar_end, stem_x + 0.04), bar_y + tilt))
    else:
        left = h.curve(start, (h.u(-0.04, 0.04), bar_y * 0.72), (0.1, bar_y), (stem_x * 0.7, bar_y + h.u(-0.04, 0.04)), (stem_x + h.u(0, 0.2), bar_y - h.u(0, 0.12)))
    stem = h.line((stem_x + h.u(-0.02, 0.1), stem_top), (stem_x + lean, 1))
    return [left, stem]


def five(h):
    w = h.u(0.46, 0.66)
    neck = h.u(0.34, 0.5)
    style = h.pick((4, "two pulls"), (2.5, "one pull"), (1.5, "snake"))
    left = h.u(0.02, 0.14)
    bowl = [
        (w * h.u(0.4, 0.55), neck - h.u(-0.02, 0.08)),
        (w * h.u(0.9, 1.04), neck + h.u(0.1, 0.2)),
        (w * h.u(0.88, 1.04), h.u(0.76, 0.86)),
        (w * h.u(0.45, 0.6), 1.0),
        (h.u(-0.06, 0.06), h.u(0.84, 0.98)),
    ]
    foot = (left - h.u(-0.03, 0.08), neck + h.u(-0.02, 0.06))
    bar = (w * h.u(0.85, 1.2), h.u(-0.08, 0.05))
    if style == "snake":
        return [h.curve((w * h.u(0.9, 1.1), h.u(0.0, 0.05)), (w * 0.5, 0.01), (left, 0.1), (left, neck * 0.8), *bowl)]
    down = h.line((left, h.u(0, 0.04)), foot)
    body = chain(down, h.curve(foot, *bowl))
    if style == "one pull":
        return [chain(h.line(bar, down[0]), body)]
    gap = h.pick((3, h.u(-0.04, 0.03)), (1, h.u(0.03, 0.1)))
    return [body, h.line((left + gap, h.u(-0.05, 0.04)), bar)]


def six(h):
    ry = h.pick((3, h.u(0.2, 0.27)), (1, h.u(0.27, 0.32)), (1, h.u(0.15, 0.2)))
    rx = h.u(0.2, 0.34)
    cx, cy = rx, 1 - ry
    top = (cx + h.u(-0.22, 0.36), 0)
    enter = h.u(170, 190)
    loop = h.oval(cx, cy, rx, ry, enter, -(360 + h.pick((4, h.u(-25, 25)), (1.5, h.u(25, 70)), (1, h.u(-70, -25)))), -h.u(0, 0.25))
    first = loop[0]
    if h.chance(0.3):  # a straight back
        stem = h.curve(top, (first[0] * 0.5 + top[0] * 0.5 - h.u(0, 0.04), (first[1]) * 0.5), first)
    else:
        bend = h.u(0.08, 0.2)
        stem = h.curve(
            top,
            (top[0] * 0.5 + first[0] * 0.5 - bend * 0.6, first[1] * h.u(0.3, 0.4)),
            (top[0] * 0.14 + first[0] * 0.86 - bend * 0.35, first[1] * h.u(0.68, 0.78)),
            first,
        )
    if h.chance(0.2):  # the pen starts by turning over the top
        stem = chain(h.curve((top[0] + h.u(0.06, 0.16), h.u(0.03, 0.12)), (top[0] + 0.05, -0.005), stem[0]), stem)
    return [chain(stem, loop)]


def seven(h):
    w = h.u(0.42, 0.72)
    tilt = h.u(-0.05, 0.1)
    foot = (w * h.u(0.08, 0.8), 1)
    left = (0, max(tilt, 0) * h.u(0, 1.2))
    corner = (w, h.u(-0.02, 0.04))
    if h.chance(0.15):
        bar = h.curve(left, (w * 0.3, left[1] - h.u(0.01, 0.06)), (w * 0.65, h.u(0.02, 0.06)), corner)
    else:
        bar = h.line(left, corner)
    if h.chance(0.25):
        bar = chain(h.line((h.u(-0.05, 0.05), left[1] + h.u(0.08, 0.22)), bar[0]), bar)
    bend = h.rng.normal(-0.02, 0.06)
    middle = ((corner[0] + foot[0]) / 2 + bend, h.u(0.42, 0.58))
    if h.chance(0.2):  # a soft corner
        strokes = [chain(bar[: -PIECES // 2], h.curve(bar[-PIECES // 2 - 1], (w * 1.0, 0.06), middle, foot))]
    else:
        strokes = [chain(bar, h.curve(bar[-1], middle, foot))]
    if h.chance(0.3):
        reach = h.u(0.1, 0.26)
        y = h.u(0.42, 0.6)
        x = corner[0] + (foot[0] - corner[0]) * y + bend
        slope = h.rng.normal(-0.01, 0.03)
        strokes.append(h.line((x - reach * h.u(0.7, 1.2), y - slope), (x + reach * h.u(0.7, 1.2), y + slope)))
    return strokes


def eight(h):
    waist = h.u(0.4, 0.52)
    upper, lower = h.u(0.17, 0.29), h.u(0.22, 0.35)
    cx = 0.35
    style = h.pick((5, "snake"), (1.5, "two rings"), (1.5, "from the waist"))
    if style == "two rings":
        ry = waist / 2
        a = h.oval(cx, ry, upper, ry, h.u(30, 140), h.pick((1, 1), (2, -1)) * (360 + h.u(-12, 30)))
        low = (1 - waist) / 2
        b = h.oval(cx + h.rng.normal(0, 0.03), 1 - low - h.u(0, 0.04), lower, low, h.u(-140, -40), h.pick((1, 1), (1, -1)) * (360 + h.u(-12, 30)))
        return [a, b]
    if style == "snake":
        # From the upper right over the top, through the waist, round and back.
        finish_gap = h.pick((4, 0.0), (1.5, h.u(0.02, 0.12)))
        start = (cx + upper * h.u(0.55, 1.0), h.u(0.06, 0.18))
        points = [
            start,
            (cx + h.u(-0.02, 0.08), 0),
            (cx - upper, waist * h.u(0.4, 0.52)),
            (cx + h.rng.normal(0, 0.02), waist),
            (cx + lower, waist + (1 - waist) * h.u(0.48, 0.6)),
            (cx + h.rng.normal(0, 0.03), 1),
            (cx - lower, waist + (1 - waist) * h.u(0.48, 0.62)),
            (cx + h.rng.normal(0, 0.02), waist + h.u(-0.02, 0.05)),
            (cx + upper * h.u(0.8, 1.0), waist * h.u(0.4, 0.6)),
            (start[0] + h.u(-0.06, 0.04), start[1] + finish_gap + h.u(-0.04, 0.02)),
        ]
    else:
        points = [
            (cx + h.rng.normal(0, 0.02), waist),
            (cx - upper, waist * h.u(0.45, 0.6)),
            (cx, 0),
            (cx + upper, waist * h.u(0.45, 0.6)),
            (cx + h.rng.normal(0, 0.02), waist),
            (cx - lower, waist + (1 - waist) * h.u(0.45, 0.6)),
            (cx, 1),
            (cx + lower, waist + (1 - waist) * h.u(0.45, 0.6)),
            (cx + h.u(-0.03, 0.05), waist + h.u(-0.02, 0.05)),
        ]
    path = h.curve(*points)
    if h.chance(0.25):
        path = path * [-1, 1] + [2 * cx, 0]
    return [path]


def nine(h):
    ry = h.pick((3, h.u(0.19, 0.27)), (1, h.u(0.27, 0.33)), (0.7, h.u(0.14, 0.19)))
    rx = h.u(0.19, 0.34)
    cx, cy = rx, ry
    start = h.u(-75, -5)
    # Round the loop from the upper right, back up to where it began, then down.
    short = h.pick((5, h.u(-12, 12)), (1, h.u(12, 40)), (1.5, h.u(-30, -12)))
    loop = h.oval(cx, cy, rx, ry, start, -(360 - short), h.u(-0.1, 0.12))
    tail_start = tuple(loop[-1])
    if h.chance(0.3):  # the tail is set anew, at the right edge of the loop
        tail_start = (cx + rx * h.u(0.85, 1.1), cy - ry * h.u(0.0, 0.9))
    shoulder = (cx + rx * h.u(0.92, 1.08), max(cy * h.u(0.8, 1.3), tail_start[1] + 0.04))
    x = shoulder[0]
    style = h.pick((4, "straight"), (2.5, "curved"), (1.5, "hook"))
    if style == "straight":
        foot = (x + h.u(-0.28, 0.06), 1)
        path = [((x + foot[0]) / 2 + h.u(-0.02, 0.05), (shoulder[1] + 1) / 2), foot]
    elif style == "curved":
        foot = (x - h.u(0.15, 0.45), 1)
        path = [(x * 0.85 + foot[0] * 0.15, 0.66), (x * 0.55 + foot[0] * 0.45, 0.85), foot]
    else:
        path = [(x + h.u(-0.04, 0.02), h.u(0.7, 0.78)), (x - h.u(0.1, 0.18), h.u(0.95, 1)), (x - h.u(0.26, 0.36), h.u(0.97, 1.02)), (x - h.u(0.4, 0.56), h.u(0.84, 0.95))]
    tail = h.curve(tail_start, shoulder, *path)
    if h.chance(0.2):
        return [loop, tail]
    return [chain(loop, tail)]


WRITERS = (zero, one, two, three, four, five, six, seven, eight, nine)


def hand_moves(strokes, h):
    """Slant, turn, widen and unsettle all strokes of one digit together."""
    rng = h.rng
    angle = np.deg2rad(np.clip(rng.normal(0, 7), -18, 18))
    slant = np.clip(rng.normal(0.1, 0.22), -0.4, 0.65)
    wide = np.exp(np.clip(rng.normal(0, 0.2), -0.45, 0.45))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, -slant], [0, 1]]) @ np.diag([wide, 1])
    bends = [(rng.normal(0, 0.018, 2), rng.uniform(1.5, 6, 2), rng.uniform(0, 2 * np.pi)) for _ in range(3)]
    tremble = rng.uniform(0, 0.012) if h.chance(0.3) else 0
    coarse = h.chance(0.2)
    moved = []
    for stroke in strokes:
        points = stroke - [0.3, 0.5]
        for amount, frequency, phase in bends:
            points = points + np.sin(points @ frequency + phase)[:, None] * amount
        if coarse:  # a quick mouse: few samples, straight between them
            keep = np.unique(np.append(np.arange(0, len(points), rng.integers(4, 8)), len(points) - 1))
            points = points[keep]
        points = points + rng.normal(0, 1, points.shape) * tremble
        moved.append(points @ matrix.T)
    return moved


def pen_factors(strokes, h):
    """How the pen swells and thins along each stroke; None for an even pen."""
    if h.chance(0.6):
        return None
    factors = []
    for stroke in strokes:
        t = np.linspace(0, 1, len(stroke))
        swell = 1 + h.u(0, 0.22) * np.sin(h.u(2, 9) * t + h.u(0, 6.3))
        if h.chance(0.3):
            swell = swell * (1 - h.u(0, 0.6) * t**3)
        factors.append(swell)
    return factors


def hand_drawn(digit, rng):
    """One hand-drawn digit as a 28x28 picture."""
    h = Hand(rng)
    strokes = hand_moves(WRITERS[digit](h), h)
    thickest = 3.7 if digit == 8 else 4.4  # beyond that the holes close
    width = float(np.clip(np.exp(rng.normal(np.log(2.35), 0.33)), 1.0, thickest))
    ink = draw_strokes(strokes, width, pen_factors(strokes, h))
    picture = normalise(ink, FILTERS[rng.integers(len(FILTERS))])
    return finish(picture, rng, blur=0.6, noise=0.05)
