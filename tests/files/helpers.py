"""Small files for the reading tests, and short words for what comes out."""

from pathlib import Path
from typing import Any

from labeling.files import FileRefused, Inspection, ReadOptions, RefusedRow, Row, inspect, read_rows


class Folder:
    """A folder in which a test writes a file and reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, content: bytes | str, name: str = "file.csv") -> Path:
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def inspect(self, content: bytes | str, name: str = "file.csv", **options: Any) -> Inspection:
        return inspect(self.write(content, name), name, ReadOptions(**options))

    def read(self, content: bytes | str, name: str = "file.csv", **options: Any) -> list[Row | RefusedRow]:
        inspection = self.inspect(content, name, **options)
        return list(read_rows(self.path / name, inspection))

    def texts(self, content: bytes | str, name: str = "file.csv", **options: Any) -> list[str]:
        return [row.text for row in self.read(content, name, **options) if isinstance(row, Row)]

    def refusals(self, content: bytes | str, name: str = "file.csv", **options: Any) -> list[tuple[int, str]]:
        return [
            (row.line_number, row.reason.value)
            for row in self.read(content, name, **options)
            if isinstance(row, RefusedRow)
        ]

    def sentence(self, content: bytes | str, name: str = "file.csv", **options: Any) -> str:
        """Why the whole file is refused; empty if it is not."""
        try:
            self.inspect(content, name, **options)
        except FileRefused as refused:
            return str(refused)
        return ""
