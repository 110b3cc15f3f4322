"""Split the body of a create call into its requests without ever holding it whole; check its two outer levels.

The file is read in windows. Bytes are decoded as Latin-1, in which one byte is one character, so that the positions of
the C parser are byte positions; custom_ids are ASCII and everything else is only skipped here. Whether the bytes are
UTF-8 is checked beside it.
"""

from __future__ import annotations

import codecs
import json
import re
from array import array
from typing import Any, BinaryIO

from sandbox.codec import refuse_constant
from sandbox.errors import ApiError, invalid
from sandbox.settings import MAX_BATCH_REQUESTS, MAX_MESSAGE_BYTES

WINDOW = 1_000_000
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
SPACE = re.compile(r"[ \t\n\r]*")
# The longest token that can be cut at the end of a window without being a string: a \uXXXX pair or `false`.
LONGEST_TAIL = 16
REQUEST_KEYS = frozenset(("custom_id", "params"))


class _NotJsonError(ValueError):
    pass


class RequestIndex:
    """Where each request stands in the body: byte offset and length, in input order."""

    def __init__(self, starts: array[int] | None = None, lengths: array[int] | None = None) -> None:
        self.starts = starts if starts is not None else array("Q")
        self.lengths = lengths if lengths is not None else array("Q")

    def __len__(self) -> int:
        return len(self.starts)

    def add(self, start: int, end: int) -> None:
        self.starts.append(start)
        self.lengths.append(end - start)


def split_requests(body: BinaryIO) -> RequestIndex:
    """Raises ApiError (400) for what the real API refuses at once."""
    try:
        return _Splitter(body).run()
    except (_NotJsonError, RecursionError) as error:
        raise invalid(f"The request body is not valid JSON: {error}") from error


class _Splitter:
    def __init__(self, body: BinaryIO) -> None:
        self._body = body
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._decode = json.JSONDecoder(parse_constant=refuse_constant).raw_decode
        self._text = ""
        self._base = 0
        self._position = 0
        self._at_end = False

    def run(self) -> RequestIndex:
        first = self._next_character()
        if first == "":
            raise _NotJsonError("it is empty")
        if first != "{":
            self._value("the body")
            raise invalid("Input should be a valid dictionary")
        self._position += 1
        index, unknown = self._members()
        if self._next_character() != "":
            raise _NotJsonError("something follows the closing brace")
        if unknown is not None:
            raise invalid(f"{unknown}: Extra inputs are not permitted")
        if index is None:
            raise invalid("requests: Field required")
        return index

    def _members(self) -> tuple[RequestIndex | None, str | None]:
        """The members of the outer object: the requests, and the first key that does not belong here."""
        index: RequestIndex | None = None
        unknown: str | None = None
        if self._next_character() == "}":
            self._position += 1
            return None, None
        while True:
            key = self._value("a key")
            if not isinstance(key, str):
                raise _NotJsonError("a key must be a string")
            self._expect(":")
            if key == "requests" and index is None:
                index = self._requests()
            else:
                self._value(key)
                unknown = unknown or key.encode("latin-1").decode("utf-8")
            if self._expect(",}") == "}":
                return index, unknown

    def _requests(self) -> RequestIndex:
        if self._next_character() != "[":
            self._value("requests")
            raise invalid("requests: Input should be a valid list")
        self._position += 1
        index = RequestIndex()
        seen: set[str] = set()
        if self._next_character() == "]":
            raise invalid("requests: List should have at least 1 item after validation, not 0")
        while True:
            self._next_character()
            value = self._value(f"requests.{len(index)}")
            custom_id = _check_request(value, len(index))
            if custom_id in seen:
                raise invalid(f"requests.{len(index)}.custom_id: '{custom_id}' is used more than once")
            seen.add(custom_id)
            index.add(self._value_start, self._base + self._position)
            if len(index) > MAX_BATCH_REQUESTS:
                raise invalid(
                    f"requests: List should have at most {MAX_BATCH_REQUESTS} items after validation, not more"
                )
            if self._expect(",]") == "]":
                return index

    def _value(self, name: str) -> Any:
        """The next JSON value; remembers where in the body it starts."""
        self._next_character()
        while True:
            try:
                value, end = self._decode(self._text, self._position)
            except json.JSONDecodeError as error:
                if self._at_end or not self._may_be_cut(error):
                    raise _NotJsonError(f"{error.msg} at byte {self._base + error.pos}") from error
                self._widen(name)
                continue
            except ValueError as error:
                raise _NotJsonError(f"{name}: {error}") from error
            if end == len(self._text) and not self._at_end and not isinstance(value, dict):
                self._widen(name)
                continue
            self._value_start = self._base + self._position
            self._position = end
            return value

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - LONGEST_TAIL

    def _widen(self, name: str) -> None:
        if len(self._text) - self._position > MAX_MESSAGE_BYTES:
            raise ApiError("request_too_large", f"{name}: Request exceeds the maximum size")
        # As much again as there is already: a large request is tried a few times, not once per window.
        self._read(max(WINDOW, len(self._text) - self._position))

    def _next_character(self) -> str:
        """Skip white space; the next character, "" at the end of the body."""
        while True:
            match = SPACE.match(self._text, self._position)
            assert match is not None
            self._position = match.end()
            if self._position < len(self._text):
                return self._text[self._position]
            if self._at_end:
                return ""
            self._read(WINDOW)

    def _expect(self, characters: str) -> str:
        found = self._next_character()
        if found == "" or found not in characters:
            raise _NotJsonError(f"Expecting one of '{characters}' at byte {self._base + self._position}")
        self._position += 1
        return found

    def _read(self, size: int) -> None:
        data = self._body.read(size)
        self._at_end = not data
        try:
            self._utf8.decode(data, final=self._at_end)
        except UnicodeDecodeError as error:
            raise _NotJsonError("it is not UTF-8") from error
        self._text = self._text[self._position :] + data.decode("latin-1")
        self._base += self._position
        self._position = 0


def _check_request(value: Any, number: int) -> str:
    """The custom_id. The wording follows captured answers of the API."""
    path = f"requests.{number}"
    if not isinstance(value, dict):
        raise invalid(f"{path}: Input should be a valid dictionary")
    if "custom_id" not in value:
        raise invalid(f"{path}.custom_id: Field required")
    custom_id = value["custom_id"]
    if not isinstance(custom_id, str):
        raise invalid(f"{path}.custom_id: Input should be a valid string")
    if not CUSTOM_ID.fullmatch(custom_id):
        raise invalid(f"{path}.custom_id: {_custom_id_fault(custom_id)}")
    if "params" not in value:
        raise invalid(f"{path}.params: Field required")
    if not isinstance(value["params"], dict):
        raise invalid(f"{path}.params: Input should be a valid dictionary")
    if len(value) > len(REQUEST_KEYS):
        unknown = next(key for key in value if key not in REQUEST_KEYS)
        raise invalid(f"{path}.{unknown.encode('latin-1').decode('utf-8')}: Extra inputs are not permitted")
    return custom_id


def _custom_id_fault(custom_id: str) -> str:
    if not custom_id:
        return "String should have at least 1 character"
    if len(custom_id.encode("latin-1", "replace").decode("utf-8", "replace")) > 64:
        return "String should have at most 64 characters"
    return "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"
