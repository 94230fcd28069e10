"""Simulates card payments: places, merchants, cardholders with habits, and fraud.

Everything here is invented. Nothing was fitted to, or taken from, real payments. Each
cardholder is made from the seed (recipe seed, number) alone, so that the number of
worker processes changes nothing.

Ordinary life overlaps with fraud on purpose: people travel, two people use one card,
terminals report a wrong place, shopping trips come in bursts, and some fraud looks like
any other payment.

Longer than 300 lines: the parts of one simulation draw from one seed in one fixed
order, and are read together.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

DAYS = 150
DAY = 24.0


class Payment(NamedTuple):
    time: float  # hours since the start
    amount: float
    merchant: int
    category: int
    x: float  # km, where the merchant says it is; of no meaning online
    y: float
    online: bool
    chip: bool
    pin: bool
    kind: str  # "" for the cardholder's own; else the pattern of fraud


@dataclass(frozen=True)
class Category:
    name: str
    amount: float  # typical
    spread: float  # standard deviation of the amount's logarithm
    share: float  # of all payments
    online: float  # share of those online
    peaks: tuple  # hours of the day
    risk: float  # as a page would set it from what is known of the trade; not measured here


CATEGORIES = (
    Category("groceries", 24, 0.7, 0.29, 0.06, (11, 18), 0.1),
    Category("fuel", 45, 0.4, 0.08, 0.0, (8, 17), 0.3),
    Category("restaurants", 18, 0.6, 0.17, 0.12, (12.5, 19.5), 0.1),
    Category("transport", 6, 0.8, 0.10, 0.35, (8, 17.5), 0.1),
    Category("health", 16, 0.7, 0.05, 0.08, (11, 16), 0.1),
    Category("clothing", 48, 0.7, 0.06, 0.45, (14, 20), 0.4),
    Category("home", 55, 0.9, 0.05, 0.35, (11, 16), 0.3),
    Category("leisure", 22, 0.7, 0.06, 0.45, (16, 21), 0.2),
    Category("subscriptions", 11, 0.5, 0.05, 1.0, (4, 12), 0.2),
    Category("travel", 140, 0.9, 0.02, 0.75, (13, 20), 0.5),
    Category("electronics", 95, 1.0, 0.025, 0.6, (14, 20), 0.8),
    Category("gift cards", 25, 0.6, 0.015, 0.85, (17, 22), 0.9),
    Category("cash", 60, 0.5, 0.035, 0.0, (11, 17), 0.5),
    Category("jewellery", 120, 0.9, 0.005, 0.3, (13, 16), 0.8),
    Category("money transfer", 80, 0.9, 0.01, 0.95, (12, 19), 1.0),
)
NUMBER = {category.name: number for number, category in enumerate(CATEGORIES)}
SHARES = np.array([category.share for category in CATEGORIES])
SHARES = SHARES / SHARES.sum()


class Shops:
    """The merchants of one category in one place (or online), a few of them much larger than the rest."""

    def __init__(self, numbers, rng):
        self.numbers = numbers
        weights = rng.permutation(1 / np.arange(1, len(numbers) + 1))
        self.chances = np.cumsum(weights / weights.sum())

    def pick(self, rng):
        return self.numbers[min(int(np.searchsorted(self.chances, rng.random())), len(self.numbers) - 1)]


HOME_TOWNS, FAR_TOWNS = 80, 60


class World:
    """Towns of one country, towns abroad, and all merchants."""

    def __init__(self, seed):
        rng = np.random.default_rng([seed, 0])
        turn, far = rng.uniform(0, 2 * np.pi, FAR_TOWNS), np.exp(rng.uniform(np.log(900), np.log(9000), FAR_TOWNS))
        self.towns = np.concatenate([rng.uniform(-450, 450, (HOME_TOWNS, 2)), np.stack([far * np.cos(turn), far * np.sin(turn)], 1)])
        size = 1 / np.arange(1, HOME_TOWNS + 1) ** 0.8
        self.size = np.concatenate([size, rng.choice(size[:20], FAR_TOWNS)])
        self.gaps = np.linalg.norm(self.towns[:, None] - self.towns[None], axis=2)
        self.places, self.levels, self.stripe = [], [], []  # of each merchant
        self.shops = [[self.open(category, town, rng) for category in CATEGORIES] for town in range(len(self.towns))]
        self.online = [self.open(category, None, rng) for category in CATEGORIES]

    def open(self, category, town, rng):
        if town is None:
            count = 80 if category.online else 1
        else:
            count = 2 + int(60 * self.size[town] ** 0.6 * category.share**0.5)
        first = len(self.places)
        for _ in range(count):
            # A few report their head office, wherever the payment was made.
            at = rng.integers(HOME_TOWNS) if rng.random() < 0.02 else town
            self.places.append((0.0, 0.0) if at is None else tuple(self.towns[at] + rng.normal(0, 4, 2)))
            self.levels.append(float(np.exp(rng.normal(0, 0.3))))
            old = 0.02 if town is None or town < HOME_TOWNS else 0.15
            self.stripe.append(bool(rng.random() < old))
        return Shops(range(first, first + count), rng)

    def town_by_size(self, rng, towns):
        chances = self.size[towns] / self.size[towns].sum()
        return int(rng.choice(towns, p=chances))


@dataclass
class Trip:
    start: float
    end: float
    town: int
    way: float  # hours on the road, before and after


@dataclass
class Cardholder:
    world: World
    rng: np.random.Generator
    trips: list = field(default_factory=list)

    def __post_init__(self):
        world, rng = self.world, self.rng
        self.town = world.town_by_size(rng, np.arange(HOME_TOWNS))
        self.home = tuple(world.towns[self.town] + rng.normal(0, 5, 2))
        self.level = float(np.exp(rng.normal(0, 0.4)))
        self.rate = float(np.exp(rng.normal(-0.1, 0.5)))  # payments a day
        self.tastes = rng.dirichlet(SHARES * 12)
        self.early = rng.normal(0, 1.3)  # hours later than most
        self.regular = rng.uniform(0.5, 0.9)  # how often a known merchant is chosen
        self.online = rng.normal(0, 0.8)
        self.pin = rng.uniform(0.05, 0.6)
        self.shared = rng.random() < 0.1  # a partner pays with it too
        self.usual = {}
        for _ in range(rng.poisson(1.0)):
            self.travel(rng.uniform(1.5, 12), np.arange(len(world.towns)), 0.3)
        for _ in range(rng.poisson(5.0)):
            near = np.flatnonzero((world.gaps[self.town] < 250) & (world.gaps[self.town] > 0))
            self.travel(rng.uniform(0.15, 0.5), near if len(near) else np.arange(HOME_TOWNS), 0)

    def travel(self, days, towns, abroad):
        """A trip, if it does not fall into another."""
        rng = self.rng
        far = rng.random() < abroad
        towns = [town for town in towns if town != self.town and (town >= HOME_TOWNS) == far]
        town = self.world.town_by_size(rng, np.array(towns)) if towns else self.town
        gap = self.world.gaps[self.town, town]
        start = rng.integers(DAYS) * DAY + rng.uniform(6, 16)
        trip = Trip(start, start + days * DAY, town, gap / 80 if gap < 500 else 2 + gap / 750)
        if all(trip.end + trip.way < other.start - other.way or other.end + other.way < trip.start - trip.way for other in self.trips):
            self.trips.append(trip)

    def where(self, time):
        """The town at that time; None on the way."""
        for trip in self.trips:
            if trip.start <= time <= trip.end:
                return trip.town
            if trip.start - trip.way < time < trip.end + trip.way:
                return None
        return self.town

    def merchant(self, category, town):
        """A merchant there (`None`: online), often one of the few known ones."""
        rng = self.rng
        shops = (self.world.online if town is None else self.world.shops[town])[category]
        if town is not None and town != self.town:
            return shops.pick(rng)
        key = category, town
        if key not in self.usual:
            self.usual[key] = [shops.pick(rng) for _ in range(1 + rng.poisson(1.5))]
        if rng.random() < self.regular:
            known = self.usual[key]
            return known[min(int(rng.exponential(1)), len(known) - 1)]
        return shops.pick(rng)

    def hour(self, category):
        rng = self.rng
        if rng.random() < 0.1:
            return rng.uniform(0, 24)
        peaks = CATEGORIES[category].peaks
        return (peaks[rng.integers(len(peaks))] + self.early + rng.normal(0, 2)) % 24

    def goes_online(self, category):
        share = CATEGORIES[category].online
        if share in (0, 1):
            return bool(share)
        return self.rng.random() < 1 / (1 + (1 - share) / share * np.exp(-self.online))

    def own(self, time, category, town, factor=1.0):
        """A payment of the cardholder's own."""
        rng = self.rng
        about = CATEGORIES[category]
        merchant = self.merchant(category, town)
        amount = about.amount * self.level * self.world.levels[merchant] * np.exp(rng.normal(0, about.spread)) * factor
        if rng.random() < 0.02:
            amount *= np.exp(abs(rng.normal(1.2, 0.7)))  # once in a while something dear
        chip = town is not None and not self.world.stripe[merchant] and rng.random() < 0.99
        pin = chip and (about.name == "cash" or rng.random() < (0.93 if amount > 50 else self.pin))
        return make(self.world, time, amount, merchant, category, town is None, chip, pin, "")

    def life(self):
        """All payments of the cardholder's own, in no order."""
        rng = self.rng
        payments = []
        for category in rng.choice(len(CATEGORIES), rng.poisson(self.rate * DAYS), p=self.tastes):
            time = rng.integers(DAYS) * DAY + self.hour(category)
            partner = self.shared and rng.random() < 0.3
            town = self.town if partner else self.where(time)
            if self.goes_online(category):
                payments.append(self.own(time, category, None))
            elif town is not None:
                payments.append(self.own(time, category, town))
        for _ in range(rng.poisson(3.0)):
            payments += self.spree()
        return payments

    def spree(self):
        """Several payments within a few hours: a day in town, or an evening of orders."""
        rng = self.rng
        time = rng.integers(DAYS) * DAY + rng.uniform(9, 20)
        town, online = self.where(time), rng.random() < 0.35
        if town is None and not online:
            return []
        wanted = [NUMBER[name] for name in ("clothing", "home", "leisure", "restaurants", "electronics", "gift cards")]
        payments = []
        for _ in range(rng.integers(3, 8)):
            category = wanted[min(int(rng.exponential(1.6)), len(wanted) - 1)]
            payments.append(self.own(time, category, None if online else town, 1.2))
            time += rng.exponential(0.4)
        return payments


def make(world, time, amount, merchant, category, online, chip, pin, kind):
    if CATEGORIES[category].name == "cash":
        amount = max(10.0, round(amount / 10) * 10.0)
    x, y = world.places[merchant]
    amount = min(max(round(float(amount), 2), 0.5), 9000.0)
    return Payment(float(time), amount, merchant, int(category), x, y, bool(online), bool(chip), bool(pin), kind)


class Thief:
    """One episode of fraud with one card. Thieves know nothing of the cardholder's habits but the place."""

    def __init__(self, holder, start):
        self.holder, self.start = holder, start
        self.world, self.rng = holder.world, holder.rng

    def shop(self, time, kind, names, town, amount=None, factor=1.0, chip=True, pin=False):
        rng = self.rng
        category = NUMBER[names[rng.integers(len(names))]]
        about = CATEGORIES[category]
        merchant = (self.world.online if town is None else self.world.shops[town])[category].pick(rng)
        if amount is None:
            amount = about.amount * self.world.levels[merchant] * np.exp(rng.normal(0, about.spread)) * factor
        chip = chip and town is not None and not self.world.stripe[merchant]
        return make(self.world, time, amount, merchant, category, town is None, chip, pin and chip, kind)

    def stolen(self):
        """The card itself, used in a burst near the place of the theft, mostly without PIN."""
        rng, time = self.rng, self.start
        town = self.holder.where(time)
        town = self.holder.town if town is None else town
        knows_pin = rng.random() < 0.25
        payments = []
        for _ in range(rng.integers(2, 10)):
            if knows_pin:
                payments.append(self.shop(time, "stolen card", ("cash", "electronics", "jewellery", "clothing"), town, factor=2.5, pin=True))
            else:
                names = ("groceries", "fuel", "clothing", "restaurants", "electronics", "health", "leisure")
                amount = rng.uniform(4, 50) if rng.random() < 0.8 else None
                payments.append(self.shop(time, "stolen card", names, town, amount))
            time += rng.exponential(0.6)
        return payments

    def not_present(self):
        """The number, tried online with small amounts, then used for large ones."""
        rng, time = self.rng, self.start
        tests = rng.integers(1, 5) if rng.random() < 0.65 else 0
        payments = []
        for _ in range(tests):
            payments.append(self.shop(time, "card not present", ("subscriptions", "leisure", "transport", "gift cards"), None, rng.uniform(0.5, 3)))
            time += rng.exponential(0.15)
        time += rng.exponential(3.0)
        for _ in range(rng.integers(1, 6)):
            names = ("electronics", "gift cards", "clothing", "travel", "home", "leisure")
            payments.append(self.shop(time, "card not present", names, None, factor=2.0 if tests else 1.0))
            time += rng.exponential(1.5 if tests else 8.0)
        return payments

    def cloned(self):
        """A copy of the magnetic stripe, used in another town while the cardholder lives on."""
        rng, time = self.rng, self.start
        if rng.random() < 0.6:
            town = int(rng.integers(HOME_TOWNS, HOME_TOWNS + FAR_TOWNS))
        else:
            town = self.world.town_by_size(rng, np.arange(HOME_TOWNS))
        payments = []
        for _ in range(rng.integers(2, 8)):
            names = ("electronics", "jewellery", "clothing", "groceries", "fuel", "gift cards", "travel")
            payments.append(self.shop(time, "cloned card", names, town, factor=1.5, chip=rng.random() < 0.1))
            time += rng.exponential(1.2)
        return payments

    def takeover(self):
        """The cardholder's account at a shop or bank, in the thief's hands: unusual trade, unusual hour."""
        rng = self.rng
        time = self.start - self.start % DAY + (rng.uniform(0, 6) if rng.random() < 0.6 else rng.uniform(6, 24))
        payments = []
        for _ in range(rng.integers(1, 5)):
            names = ("money transfer", "gift cards", "electronics", "travel", "jewellery")
            payments.append(self.shop(time, "account takeover", names, None, factor=self.holder.level * rng.uniform(1, 4)))
            time += rng.exponential(5.0)
        return payments

    def quiet(self):
        """One or two online payments that look like any other."""
        rng = self.rng
        names = ("clothing", "leisure", "home", "subscriptions", "groceries", "restaurants", "electronics")
        time = self.start - self.start % DAY + rng.normal(16, 4)
        return [self.shop(time + rng.exponential(20) * n, "quiet", names, None) for n in range(rng.integers(1, 3))]


EPISODES = {"stolen": 0.25, "not_present": 0.33, "cloned": 0.17, "takeover": 0.15, "quiet": 0.10}
KINDS = ("stolen card", "card not present", "cloned card", "account takeover", "quiet")


def simulate(world, seed, number, defrauded):
    """One cardholder's home and payments in order of time; a share `defrauded` meets fraud once."""
    rng = np.random.default_rng([seed, 1, number])
    holder = Cardholder(world, rng)
    payments = holder.life()
    if rng.random() < defrauded:
        start = rng.uniform(1, DAYS - 3) * DAY
        name = str(rng.choice(list(EPISODES), p=list(EPISODES.values())))
        if name == "stolen":  # people lose cards where they pay, and cannot pay with a card that they lost
            before = [p.time for p in payments if not p.online and p.time < start]
            start = max(before, default=start) + rng.uniform(0.2, 2)
            back = start + rng.uniform(48, 150)
            payments = [p for p in payments if p.online or not start <= p.time <= back]
        payments += getattr(Thief(holder, start), name)()
    return holder.home, sorted((p for p in payments if 0 <= p.time < DAYS * DAY), key=lambda p: (p.time, p.merchant))
