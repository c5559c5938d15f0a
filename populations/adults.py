"""The people of the pack ``adults``, and how they were made: invented, with the marginals of the adults of the United States.

``python -m populations.adults`` writes the pack. A joint table of all combinations begins with how attributes go together
(:data:`TOGETHER`: our own rough judgement, no published figures), is raked to the published marginals (:data:`MARGINS`), and gives
people by systematic sampling. Every second one is held out, so that both sides have the marginals; the order on a side is a lot.

Marginals are rounded to whole percent, from the U.S. Census Bureau but where another source stands. Education, income and children
were compared with the publications; the others are from general knowledge of them, good enough for a pool of invented people:

- age, sex, region, place: adults in the 2020 Census and the American Community Survey of 2023; 80 % live in urban areas.
- education, of those of 25 and over: Current Population Survey (CPS), Educational Attainment in the United States: 2022. ``low``
  is a high school diploma or less, ``medium`` some college or an associate degree, ``high`` a bachelor's degree or more.
- income: Pew Research Center, "How the American middle class has changed in the past five decades" (2022), adults in 2021.
- work, of those of 16 and over: Bureau of Labor Statistics, CPS annual averages of 2023.
- marital status, of those of 15 and over, and children: CPS, America's Families and Living Arrangements: 2020; 63 of 258 million
  adults lived with children of their own under 18.

Knows nothing of personas: the pack's mapping says what its columns mean.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from importlib import resources
from itertools import product
from pathlib import Path

import numpy as np

from populations.raking import rake, resample

SIZE = 2400
"""People, half of them held out."""
SEED = "adults"

MARGINS: Mapping[str, Mapping[str, float]] = {
    "age": {"18-24": 12, "25-34": 17, "35-44": 17, "45-54": 16, "55-64": 16, "65-74": 13, "75-88": 9},
    "sex": {"female": 51, "male": 49},
    "education_level": {"low": 37, "medium": 25, "high": 38},
    "urban_rural": {"urban": 80, "rural": 20},
    "income": {"low": 29, "middle": 50, "high": 21},
    "region": {"Northeast": 17, "Midwest": 21, "South": 38, "West": 24},
    "marital_status": {"never married": 33, "married": 50, "divorced": 11, "widowed": 6},
    "children_at_home": {"yes": 24, "no": 76},
    "work": {"full time": 50, "part time": 10, "looking for work": 2, "no paid work": 38},
}
"""Attribute -> value -> percent of adults."""

TOGETHER: Mapping[tuple[str, str], tuple[tuple[float, ...], ...]] = {
    ("age", "education_level"): (
        (1.2, 1.5, 0.4), (0.9, 1, 1.2), (0.9, 1, 1.2), (1, 1, 1.1), (1, 1, 1), (1, 1, 1), (1.2, 0.9, 0.8),
    ),
    ("age", "marital_status"): (
        (3, 0.15, 0.05, 0.01), (1.5, 0.8, 0.5, 0.03), (0.7, 1.2, 1, 0.1), (0.5, 1.2, 1.5, 0.3), (0.35, 1.2, 1.6, 0.8),
        (0.2, 1.2, 1.5, 2), (0.12, 1, 1, 6),
    ),
    ("age", "children_at_home"): (
        (0.2, 1), (1.4, 1), (2.4, 1), (1.3, 1), (0.25, 1), (0.03, 1), (0.01, 1),
    ),
    ("age", "work"): (
        (0.9, 2.5, 2.5, 1), (1.6, 0.8, 1.3, 0.5), (1.7, 0.7, 1, 0.45), (1.7, 0.7, 0.9, 0.5), (1.3, 0.7, 0.7, 0.9),
        (0.35, 0.9, 0.3, 2.1), (0.08, 0.4, 0.1, 2.7),
    ),
    ("sex", "marital_status"): ((1, 1, 1.1, 1.5), (1, 1, 0.9, 0.5)),
    ("sex", "work"): ((0.85, 1.3, 0.9, 1.15), (1.15, 0.7, 1.1, 0.85)),
    ("education_level", "urban_rural"): ((0.9, 1.3), (1, 1.1), (1.1, 0.6)),
    ("education_level", "income"): ((1.6, 1, 0.35), (1, 1.1, 0.7), (0.5, 0.9, 1.9)),
    ("urban_rural", "region"): ((1.1, 0.95, 0.95, 1.1), (0.7, 1.2, 1.2, 0.6)),
    ("income", "marital_status"): ((1.3, 0.6, 1.3, 1.3), (1, 1.05, 1, 1), (0.7, 1.4, 0.7, 0.7)),
    ("income", "work"): ((0.6, 1.2, 2.2, 1.4), (1.1, 1, 0.8, 0.95), (1.2, 0.8, 0.4, 0.7)),
    ("marital_status", "children_at_home"): ((0.4, 1), (1.5, 1), (0.8, 1), (0.3, 1)),
}  # fmt: skip
"""Two attributes -> how much more often than by chance their values go together, before raking: a row for each of the first's."""


def adults() -> list[dict[str, str | int]]:
    """Return the people, in the order of the pack; all of them are different."""
    cells = [dict(zip(MARGINS, values, strict=True)) for values in product(*MARGINS.values())]
    start = np.ones([len(margin) for margin in MARGINS.values()])
    axes = list(MARGINS)
    for (one, other), factors in TOGETHER.items():
        shape = [len(MARGINS[name]) if name in (one, other) else 1 for name in axes]
        start = start * np.array(factors).reshape(shape)
    raked = rake(cells, MARGINS, weights=start.ravel().tolist())
    taken: Counter[int] = Counter()
    people: list[dict[str, str | int]] = []
    for number, cell in enumerate(resample(raked.weights, SIZE, SEED).tolist()):
        age = _ages(cell, str(cells[cell]["age"]))[taken[cell]]
        taken[cell] += 1
        people.append(cells[cell] | {"age": age, "split": ("train", "held_out")[number % 2]})
    return sorted(people, key=lambda person: _lot(*person.values()))


def _ages(cell: int, band: str) -> list[int]:
    """Return the ages of a band in an order by lot: people of one cell are of different ages."""
    low, high = map(int, band.split("-"))
    return sorted(range(low, high + 1), key=lambda age: _lot(cell, age))


def _lot(*of: object) -> bytes:
    return hashlib.sha256("/".join([SEED, *map(str, of)]).encode()).digest()


def table() -> str:
    """Return the pack as CSV."""
    people = adults()
    lines = [people[0], *(person.values() for person in people)]
    return "".join(",".join(map(str, line)) + "\n" for line in lines)


def main() -> None:
    """Write the pack."""
    Path(str(resources.files("populations").joinpath("data/adults.csv"))).write_text(table(), "utf-8")


if __name__ == "__main__":
    main()
