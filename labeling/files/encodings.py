"""In which encoding a file is written: decided over the whole file, never over its first lines alone."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from charset_normalizer import from_bytes

from labeling.files.shapes import FileRefused

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16 (little endian)",
    "utf-16-be": "UTF-16 (big endian)",
    "cp1252": "Windows-1252 (Western Europe)",
    "iso8859-1": "ISO 8859-1 (Western Europe)",
    "iso8859-15": "ISO 8859-15 (Western Europe)",
    "mac-roman": "Mac OS Roman",
    "cp437": "DOS 437 (United States)",
    "cp850": "DOS 850 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "iso8859-2": "ISO 8859-2 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "koi8-r": "KOI8-R (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp1258": "Windows-1258 (Vietnamese)",
    "cp932": "Shift JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "cp949": "Windows-949 (Korean)",
}
"""The encodings that a person can choose. In all of them a file can be cut at its line ends and decoded in parts."""

MARK = "labeling.files.mark"
"""Name of the error handler that turns each undecodable byte 0xNN into the lone surrogate U+DCNN."""

SURVEY_BYTES = 1_048_576

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_UTF_32_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_CONTROLS = bytes(code for code in range(1, 32) if code not in b"\t\n\v\f\r\x1b") + b"\x7f"
_OTHER_SCRIPTS = [
    "cp1252",
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1255",
    "cp1256",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
]


def unit_bytes(encoding: str) -> int:
    """Bytes of the smallest unit, of a line end too."""
    return 2 if encoding.startswith("utf-16") else 1


@dataclass(slots=True)
class Survey:
    """What one pass over the bytes of a file found. The counts are of the whole file without its byte order mark."""

    encoding: str = "utf-8"
    bom_bytes: int = 0
    size: int = 0
    blank: bool = True
    nul_even: int = 0
    nul_odd: int = 0
    controls: int = 0
    lf: int = 0
    cr: int = 0
    crlf: int = 0
    multibyte: int = 0
    undecodable: int = 0
    first_bad_line: int = 0
    bad_sample: bytes = b""
    warnings: list[str] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """Line ends so far."""
        return self.lf + self.cr - self.crlf


def survey(path: Path, chosen: str | None) -> Survey:
    """Read the whole file once and decide its encoding. `chosen`: what a person said, which then counts.

    Raises FileRefused for an empty file, one that is not text, and an encoding that is not known.
    """
    encoding = _canonical(chosen) if chosen else None
    found = _byte_order_mark(path, encoding)
    _count(path, found)
    if found.blank and (found.encoding.startswith("utf-16") or not found.nul_even + found.nul_odd):
        raise FileRefused("The file is empty.")
    if found.encoding == "utf-16":
        found.encoding = "utf-16-be" if found.nul_even > found.nul_odd else "utf-16-le"
    elif not encoding and not found.bom_bytes:
        found.encoding = _detected(path, found)
    if found.encoding.startswith("utf-16"):
        _count_line_ends_of_utf_16(path, found)
    elif _looks_binary(found):
        raise FileRefused("The file is not text: it is full of bytes that no text has.")
    _warn_about_line_ends(found)
    return found


def _canonical(chosen: str) -> str:
    """The name in ENCODINGS of an encoding that a person named, or utf-16, where the bytes say which."""
    name = chosen.strip().lower()
    if name in ("utf-8-sig", "utf8-sig", "utf_8_sig"):
        return "utf-8"
    if name in ("utf-16", "utf16", "utf_16"):
        return "utf-16"
    if name in ENCODINGS:
        return name
    try:
        wanted = codecs.lookup(name)
    except LookupError:
        raise FileRefused(f"There is no encoding named “{chosen}”.") from None
    for encoding in ENCODINGS:
        if codecs.lookup(encoding) == wanted or codecs.lookup(encoding).name == wanted.name:
            return encoding
    if wanted.name == "ascii":
        return "utf-8"
    raise FileRefused(f"Files in the encoding “{chosen}” are not read. Save the file as UTF-8.")


def _byte_order_mark(path: Path, chosen: str | None) -> Survey:
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(_UTF_32_BOMS) and chosen is None:
        raise FileRefused("The file is in UTF-32, which is not read. Save it as UTF-8.")
    for bom, encoding in _BOMS:
        if head.startswith(bom) and chosen in (None, encoding, encoding[:6]):
            return Survey(encoding, len(bom))
    return Survey(chosen or "utf-8")


def _chunks(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while chunk := file.read(SURVEY_BYTES):
            yield chunk


def _count(path: Path, found: Survey) -> None:
    """One pass: the kinds of bytes, and how well they are UTF-8."""
    rest, before = b"", b""
    for chunk in _chunks(path, found.bom_bytes):
        rest = _count_utf_8(rest + chunk, found, behind_cr=before == b"\r")
        found.size += len(chunk)
        found.blank = found.blank and not chunk.strip(b"\0 \t\n\v\f\r")
        if b"\0" in chunk:
            found.nul_even += chunk[0::2].count(0)
            found.nul_odd += chunk[1::2].count(0)
        found.controls += len(chunk) - len(chunk.translate(None, _CONTROLS))
        found.lf += chunk.count(b"\n")
        if cr := chunk.count(b"\r"):
            found.cr += cr
            found.crlf += chunk.count(b"\r\n")
        found.crlf += before.endswith(b"\r") and chunk.startswith(b"\n")
        before = chunk[-1:]
    _count_utf_8(rest, found, behind_cr=before == b"\r", final=True)


def _count_utf_8(data: bytes, found: Survey, *, behind_cr: bool, final: bool = False) -> bytes:
    """Count what is UTF-8 and what is not in `data`; the unfinished character at its end comes back."""
    try:
        text, used = codecs.utf_8_decode(data, "strict", final)
    except UnicodeDecodeError as error:
        if not found.first_bad_line:
            line_ends = len(re.findall(rb"\r\n|\r|\n", data[: error.start]))
            line_ends -= behind_cr and data.startswith(b"\n")  # the second half of a line end that was counted
            found.first_bad_line = found.lines + line_ends + 1
            found.bad_sample = data[max(0, error.start - 4_000) : error.start + 12_000]
        text, used = codecs.utf_8_decode(data, "ignore", final)
        decodable = len(text.encode())
        found.undecodable += used - decodable
    else:
        decodable = used
    found.multibyte += decodable - len(text)
    return data[used:]


def _detected(path: Path, found: Survey) -> str:
    """UTF-8, else UTF-16 without a byte order mark, else Windows-1252. Every guess leaves a warning."""
    if utf_16 := _utf_16_without_mark(path, found):
        found.warnings.append(f"The file has no byte order mark; it was read as {ENCODINGS[utf_16]}.")
        return utf_16
    if not found.undecodable:
        return "utf-8"
    # Windows-1252 text has next to no valid UTF-8 beyond ASCII: where there is some, a few rows are broken, and
    # reading the whole file as Windows-1252 would spoil the good ones without a word.
    if found.multibyte * 10 >= found.undecodable:
        found.warnings.append(
            f"The file is UTF-8, but {found.undecodable:,} bytes are not (first in line {found.first_bad_line:,}). "
            "Their rows are refused. If letters look wrong in all rows, choose another encoding."
        )
        return "utf-8"
    found.warnings.append(
        f"The file is not UTF-8 (first in line {found.first_bad_line:,}); it was read as Windows-1252."
        + _suggestion(found.bad_sample)
        + " If letters look wrong, choose another encoding."
    )
    return "cp1252"


def _utf_16_without_mark(path: Path, found: Survey) -> str | None:
    """In UTF-16 every Latin letter, blank and line end has a NUL, always on the same side, and all pairs decode."""
    nul = found.nul_even + found.nul_odd
    if found.size % 2 or nul < max(1, 0.02 * found.size) or max(found.nul_even, found.nul_odd) < 0.95 * nul:
        return None
    encoding = "utf-16-le" if found.nul_odd > found.nul_even else "utf-16-be"
    decoder = codecs.getincrementaldecoder(encoding)()
    line_ends = 0
    try:
        for chunk in _chunks(path, 0):
            text = decoder.decode(chunk)
            line_ends += text.count("\n") + text.count("\r")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return encoding if line_ends >= max(1, 0.9 * (found.lf + found.cr)) else None


def _suggestion(sample: bytes) -> str:
    """What else the bytes may be, if they look like another script."""
    best = from_bytes(sample, cp_isolation=_OTHER_SCRIPTS).best()
    if best is None or best.encoding == "cp1252":
        return ""
    return f" It may also be {ENCODINGS[_canonical(best.encoding)]}."


def _looks_binary(found: Survey) -> bool:
    """More than half NUL, or a tenth control characters: no text in a one-byte encoding or UTF-8 is like that."""
    nul = found.nul_even + found.nul_odd
    return nul * 2 > found.size or (found.size >= 64 and found.controls * 10 > found.size)


def _count_line_ends_of_utf_16(path: Path, found: Survey) -> None:
    found.lf = found.cr = found.crlf = 0
    decoder = codecs.getincrementaldecoder(found.encoding)("replace")
    before = ""
    for chunk in _chunks(path, found.bom_bytes):
        text = decoder.decode(chunk)
        found.lf += text.count("\n")
        found.cr += text.count("\r")
        found.crlf += text.count("\r\n") + (before.endswith("\r") and text.startswith("\n"))
        before = text[-1:] or before


def _warn_about_line_ends(found: Survey) -> None:
    kinds = {"CRLF": found.crlf, "LF": found.lf - found.crlf, "CR": found.cr - found.crlf}
    used = [f"{count:,} {name}" for name, count in kinds.items() if count]
    if len(used) > 1:
        found.warnings.append(f"The line ends are mixed: {', '.join(used)}. Each of them ends a line.")


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARK, _mark)
