"""The model's input: what a page knows of a payment and of the card's payments before it.

`History` is all that a page has to keep for one card. It sees the payments one by one
and never what comes later. Fraud stays in the history like any other payment, since
nobody knows of it at the time.
"""

import math
from bisect import bisect_left, insort
from collections import Counter, deque

from transactions_simulator import CATEGORIES

KEPT = 50  # amounts that the median is taken of
LONG = 720.0  # hours; stands for "never before" too

# Name, unit and meaning, in the order of the model's input.
FEATURES = (
    ("amount_log_ratio", "ln", f"natural logarithm of amount / median of the card's last {KEPT} amounts; 0 for its first payment"),
    ("distance_home", "km", "from the cardholder's home to the merchant; 0 online"),
    ("distance_last", "km", "from the place of the card's last payment in person; 0 online and for the first"),
    ("hours_last", "hours", f"since the card's last payment of any sort, {LONG:.0f} at most; {LONG:.0f} for the first"),
    ("speed", "km/h", "distance_last / hours since that payment in person, taking one minute at least; 0 online and for the first"),
    ("count_hour", "payments", "of this card in the hour before, this one not counted"),
    ("count_day", "payments", "of this card in the 24 hours before, this one not counted"),
    ("spent_day", "medians", "sum of the amounts in the 24 hours before, this one not counted, / the same median"),
    ("hour_sin", "", "sin(2π · hour / 24), hour of the day where the cardholder lives"),
    ("hour_cos", "", "cos(2π · hour / 24), the same hour"),
    ("online", "0 or 1", "1: the card was not present"),
    ("chip", "0 or 1", "1: the card's chip was read, by contact or without; 0: magnetic stripe, or online"),
    ("pin", "0 or 1", "1: the PIN was entered and right"),
    ("category_risk", "0 to 1", "of the merchant's category, from the table below"),
    ("category_share", "0 to 1", "share of the card's payments so far in this category; 0 for its first payment"),
    ("new_merchant", "0 or 1", "1: the card never paid at this merchant before"),
)
NAMES = tuple(name for name, _, _ in FEATURES)


class History:
    """What is kept of one card."""

    def __init__(self, home):
        self.home = home
        self.last = None  # time
        self.last_place = None  # time, x, y
        self.recent = deque()  # time, amount of the last 24 hours
        self.amounts, self.ordered = deque(), []  # the last KEPT amounts, as they came and by size
        self.categories, self.merchants = Counter(), set()

    def features(self, payment):
        """The features of the next payment, before it is added."""
        p = payment
        while self.recent and self.recent[0][0] <= p.time - 24:
            self.recent.popleft()
        median = self.median() or p.amount
        hour = p.time % 24 / 24 * 2 * math.pi
        from_home = from_last = speed = 0.0
        if not p.online:
            from_home = math.dist(self.home, (p.x, p.y))
            if self.last_place:
                time, x, y = self.last_place
                from_last = math.dist((x, y), (p.x, p.y))
                speed = from_last / max(p.time - time, 1 / 60)
        return (
            math.log(p.amount / median),
            from_home,
            from_last,
            LONG if self.last is None else min(p.time - self.last, LONG),
            speed,
            sum(time > p.time - 1 for time, _ in self.recent),
            len(self.recent),
            sum(amount for _, amount in self.recent) / median,
            math.sin(hour),
            math.cos(hour),
            float(p.online),
            float(p.chip),
            float(p.pin),
            CATEGORIES[p.category].risk,
            self.categories[p.category] / max(self.categories.total(), 1),
            float(p.merchant not in self.merchants),
        )

    def add(self, payment):
        p = payment
        self.last = p.time
        if not p.online:
            self.last_place = p.time, p.x, p.y
        self.recent.append((p.time, p.amount))
        self.amounts.append(p.amount)
        insort(self.ordered, p.amount)
        if len(self.amounts) > KEPT:
            del self.ordered[bisect_left(self.ordered, self.amounts.popleft())]
        self.categories[p.category] += 1
        self.merchants.add(p.merchant)

    def median(self):
        """The median of the amounts kept; None without any."""
        middle = len(self.ordered) // 2
        if len(self.ordered) % 2:
            return self.ordered[middle]
        return (self.ordered[middle - 1] + self.ordered[middle]) / 2 if self.ordered else None
