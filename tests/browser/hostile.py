"""What people and programs write into every field that takes words, to see whether a page holds."""

SCRIPT = """<script>window.ran=1;alert(1)</script>"><img src="x" onerror="window.ran=1">"""
LEFTWARDS = "\u2067\u2067\u202eשלום عالم"
EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈"


def words(most: int) -> str:
    """Markup, text that opens directions and never ends them, emoji of many parts, then no place for a line break."""
    return f"{SCRIPT}{LEFTWARDS}{EMOJI}".ljust(most, "W")[:most]


ACCOUNT = "שלוםعالم".ljust(150, "W")
"""Of letters and digits: the form takes nothing else."""

TASK = words(120)
LABEL = words(200)
FILE = f"{words(240)}.csv"
EXTERNAL_ID = words(300)
TEXT = f"{words(2_000)}\n{SCRIPT}"
COLUMN = words(300)
REASON = words(200)
