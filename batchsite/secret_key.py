"""Django's secret key: given by NIGHTSHIFT_SECRET_KEY, else made once and kept in the installation's folder.

It signs sessions and queued django-q tasks: a second key would make the clusters throw queued tasks away.
So it is made exclusively, whoever comes first, and complete before it has its name.
"""

import os
import secrets
from pathlib import Path

from batchsite.environment import Environment, EnvironmentFault


def secret_key(environment: Environment) -> str:
    """The key of this installation. Raises EnvironmentFault where it cannot be read or made."""
    if environment.secret_key:
        return environment.secret_key
    path = environment.home / "secret_key"
    try:
        return _read(path) or _make(path)
    except OSError as error:
        raise EnvironmentFault([f"The secret key {path} cannot be read or made: {error.strerror}."]) from error


def _read(path: Path) -> str | None:
    """The stored key, or None where there is none yet."""
    try:
        key = path.read_text().strip()
    except FileNotFoundError:
        return None
    if len(key) < 32:
        raise EnvironmentFault(
            [f"The secret key in {path} is damaged: restore the file, or delete it to get a new key."]
        )
    return key


def _make(path: Path) -> str:
    """Writes a new key under a name of its own, then links it: the link fails for all but the first process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".secret_key-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        _write_durably(draft, secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        else:
            _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text().strip()


def _write_durably(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Makes the new name itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
