"""Accuracy is a range with its sample, never a bare percentage. Pure."""

from dataclasses import dataclass
from math import sqrt

Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Range:
    """Percent, from low to high, at 95 % confidence."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.1f} to {self.high:.1f} %"


def wilson(equal: int, of: int) -> Range:
    """Wilson's interval for `equal` hits of `of` (at least 1)."""
    p, z2 = equal / of, Z_95**2
    center = (p + z2 / (2 * of)) / (1 + z2 / of)
    margin = Z_95 * sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return Range(100 * max(0.0, center - margin), 100 * min(1.0, center + margin))
