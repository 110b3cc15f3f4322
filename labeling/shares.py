"""A room that is too small for all is shared fairly: small ones go wholly, large ones take equal parts of the rest.

Max-min fairness, known as water-filling: nobody gets more while somebody who has less wants more. Pure.
"""

from collections.abc import Mapping, Sequence


def water_filling(room: int, wanted: Sequence[int]) -> list[int]:
    """What each gets of the room, in the order given; whole numbers, and what cannot be split goes to the first."""
    level, left = 0, max(0, room)
    rising = sorted(wanted)
    for place, most in enumerate(rising):
        step = (most - level) * (len(rising) - place)
        if step > left:
            break
        level, left = most, left - step
    above = [place for place, most in enumerate(wanted) if most > level]
    each, odd = divmod(left, len(above)) if above else (0, 0)
    extra = {place: each + (rank < odd) for rank, place in enumerate(above)}
    return [min(most, level) + extra.get(place, 0) for place, most in enumerate(wanted)]


def first_ones(shares: Mapping[int, int], room: int) -> dict[int, int]:
    """The part of the shares that a room takes when they are served in order, each as far as it goes."""
    taken: dict[int, int] = {}
    for key, share in shares.items():
        if room <= 0:
            break
        if share > 0:
            taken[key] = min(share, room)
            room -= taken[key]
    return taken
