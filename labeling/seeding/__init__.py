"""A house full of make-believe rows, in seconds: for measuring pages and taking pictures of them.

Everything is written by set-based statements and is as the product would have left it, so that the
book balances. Only into an installation that is empty and has no API key.
"""

from .rows import Seeded, SeedingRefused, seed

__all__ = ["Seeded", "SeedingRefused", "seed"]
