"""What simple patterns find in a text: dates, amounts, addresses, names. Each is searched only when asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from sandbox.words import words

READ_CHARACTERS = 100_000
MONTHS = words("january february march april may june july august september october november december")
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
_MONTH += r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
DATE = re.compile(
    rf"\b(?:(?P<y>\d{{4}})-(?P<m>\d{{2}})-(?P<d>\d{{2}})"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of )?(?P<n2>{_MONTH})\.?,? (?P<y2>\d{{4}})"
    rf"|(?P<n3>{_MONTH})\.? (?P<d3>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y3>\d{{4}})"
    rf"|(?P<d4>\d{{1,2}})[./](?P<m4>\d{{1,2}})[./](?P<y4>\d{{4}}))\b",
    re.IGNORECASE,
)
NUMBER = r"\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "dollars": "USD", "euros": "EUR", "euro": "EUR"}
_CODES = "USD|EUR|GBP|CHF|JPY|CAD|AUD|SEK|NOK|DKK|PLN|CZK|INR|CNY"
AMOUNT = re.compile(
    rf"(?P<before>[$€£¥]|\b(?:{_CODES}))\s?(?P<n1>{NUMBER})"
    rf"|\b(?P<n2>{NUMBER})\s?(?P<after>[$€£¥]|(?:{_CODES}|dollars|euros?)\b)"
)
PLAIN_NUMBER = re.compile(rf"(?<![\w.-])-?(?:{NUMBER})(?![\w-])")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
URI = re.compile(r"https?://[^\s<>\"')\]]+")
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
TIME = re.compile(r"\b(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\b")
PHONE = re.compile(r"(?<!\w)\+?\d[\d ()/-]{7,}\d\b")
_NOT_A_NAME = "(?!The |This |That |These |Our |Your |Please |Dear )"
_PART = r"[A-Z][\w&'-]+"
NAME = re.compile(rf"\b{_NOT_A_NAME}{_PART}(?: (?:{_PART}|[A-Z]\.|of|de|von))* {_PART}")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n+")


@dataclass(frozen=True)
class Amount:
    value: float
    currency: str | None
    written: str


class Findings:
    """Lazy: each property reads the text once, the first time somebody asks."""

    def __init__(self, text: str) -> None:
        self.text = text[:READ_CHARACTERS]

    @cached_property
    def dates(self) -> list[str]:
        """Every date as YYYY-MM-DD, in order, each once."""
        found = (_iso_date(match) for match in DATE.finditer(self.text))
        return list(dict.fromkeys(date for date in found if date))

    @cached_property
    def amounts(self) -> list[Amount]:
        return [_amount(match) for match in AMOUNT.finditer(self.text)]

    @cached_property
    def numbers(self) -> list[float]:
        """Amounts first, then the other numbers that are not part of a date."""
        rest = AMOUNT.sub(" ", DATE.sub(" ", self.text))
        plain = [_number(match[0]) for match in PLAIN_NUMBER.finditer(rest)]
        return [amount.value for amount in self.amounts] + plain

    @cached_property
    def emails(self) -> list[str]:
        return EMAIL.findall(self.text)

    @cached_property
    def names(self) -> list[str]:
        return list(dict.fromkeys(match[0] for match in NAME.finditer(self.text)))

    @cached_property
    def sentences(self) -> list[str]:
        return [part.strip() for part in SENTENCE_END.split(self.text) if part.strip()]

    def all(self, pattern: re.Pattern[str]) -> list[str]:
        return [match[0].strip() for match in pattern.finditer(self.text)]


def first_words(text: str, count: int) -> str:
    """The first `count` words, with an ellipsis where something was left out."""
    found = text.split(maxsplit=count)
    return " ".join(found[:count]) + ("…" if len(found) > count else "")


def _iso_date(match: re.Match[str]) -> str | None:
    parts = match.groupdict()
    year = parts["y"] or parts["y2"] or parts["y3"] or parts["y4"]
    day = parts["d"] or parts["d2"] or parts["d3"] or parts["d4"]
    month = parts["m"] or parts["m4"] or _month_number(parts["n2"] or parts["n3"])
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    return f"{year}-{int(month):02d}-{int(day):02d}"


def _month_number(name: str) -> str:
    start = name[:3].lower()
    return str(next(number for number, month in enumerate(MONTHS, 1) if month.startswith(start)))


def _amount(match: re.Match[str]) -> Amount:
    mark = match["before"] or match["after"]
    currency = CURRENCIES.get(mark.lower(), mark.upper() if mark.isalpha() else None)
    return Amount(_number(match["n1"] or match["n2"]), currency, match[0].strip())


def _number(written: str) -> float:
    value = float(written.replace(",", "").replace(" ", ""))
    return int(value) if value.is_integer() else value
