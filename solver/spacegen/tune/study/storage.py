"""Where studies are kept: a SQLite file, a journal file, a PostgreSQL server, or memory."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, TypeAlias

import sqlalchemy as sql
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage, get_storage
from sqlalchemy.engine import URL, Engine, make_url

from spacegen.errors import Fault, UsageError, did_you_mean
from spacegen.extras import require
from spacegen.tune.files import JOURNAL, expanded
from spacegen.tune.study.journal import Journal, locked_file

__all__ = ["BROKEN", "StudyStorage", "keeping", "open_storage", "why", "without_password"]


_NAMES: Final = ("sqlite", "journal", "postgresql", "memory")
_KINDS: Final = (
    "`sqlite:///FILE`, `journal:FILE` or `postgresql://USER@HOST/DATABASE` (or `memory`, which forgets)"
)
_START: Final = b'{"op_code":'
"""What journals begin with."""
_PATIENCE: Final = 60.0
"""How many seconds a write waits for others."""
_MIGRATED: Final = re.compile(r"@\d+$")
_PASSWORDS: Final = ("password", "sslpassword")

BROKEN: Final = (sql.exc.SQLAlchemyError, StorageInternalError)
"""What storages raise that cannot be reached or written."""

Lock: TypeAlias = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class StudyStorage:
    """An open storage. `exclusive()` keeps all other holders of the same storage out, on whatever machine,
    until its holder leaves it or dies; it is for short sections. `label` names the storage without its
    password."""

    optuna: BaseStorage
    label: str
    exclusive: Lock
    lasting: bool = True
    """Whether other processes see it, and it is still there tomorrow."""
    exclusive_for: Callable[[str], Lock] | None = None
    """Locks by name, where the storage has more than one."""

    def of(self, study: str) -> StudyStorage:
        """The same with a lock that the holders of other studies do not share; what a study was migrated to
        has that of the study."""
        if self.exclusive_for is None:
            return self
        return replace(self, exclusive=self.exclusive_for(_MIGRATED.sub("", study)), exclusive_for=None)


def open_storage(url: str) -> StudyStorage:
    """The storage of an option. Raises UsageError where there is no such kind, or it cannot be opened."""
    scheme, _, rest = url.partition(":")
    kind = scheme.partition("+")[0].lower()
    match kind:
        case "memory" if not rest:
            return _in_memory()
        case "journal":
            return _journal(rest.removeprefix("//") or JOURNAL)
        case "sqlite" if rest.startswith("///") and len(rest) > 3:
            return _sqlite(rest[3:])
        case "postgresql" | "postgres" if rest.startswith("//"):
            return _postgresql(url)
    shown = without_password(url)
    close = None if kind in _NAMES else did_you_mean(kind, _NAMES)
    raise UsageError(Fault(f"`{shown}` is no storage", hint=f"{f'{close} ' if close else ''}use {_KINDS}"))


def without_password(url: str) -> str:
    """The address of a storage as it may be shown."""
    try:
        known = make_url(url)
        if hidden := {name: "***" for name in _PASSWORDS if name in known.query}:
            known = known.update_query_dict(hidden)
        return known.render_as_string(hide_password=True)
    except (sql.exc.ArgumentError, ValueError):
        # Whatever stands before an @ may hold a password.
        scheme, mark, rest = url.partition("://")
        return f"{scheme}{mark}***@{rest.rpartition('@')[2]}" if "@" in rest else url


def _in_memory() -> StudyStorage:
    lock = threading.RLock()

    @contextmanager
    def exclusive() -> Iterator[None]:
        with lock:
            yield

    return StudyStorage(InMemoryStorage(), "memory", exclusive, lasting=False)


def _file(text: str, label: str) -> Path:
    """A file that can be made or written. Raises UsageError."""

    def fault(what: str, hint: str) -> UsageError:
        return UsageError(Fault(f"cannot keep a study in `{label}`: {what}", hint=hint))

    path = expanded(text)
    folder = path.parent
    if not folder.is_dir():
        raise fault(f"there is no folder `{folder}`", f"make it: `mkdir -p {folder}`")
    if path.is_dir():
        raise fault(f"`{path}` is a folder", "name a file in it")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise fault(f"`{path}` cannot be written", "use a file of your own")
    try:
        # What stands beside it are the lock here and the journal of SQLite.
        with TemporaryFile(dir=folder):
            return path.absolute()
    except OSError as error:
        raise fault(f"`{folder}`: {error.strerror}", "use a folder of your own") from None


def _beside(path: Path) -> Lock:
    lock = path.with_name(f"{path.name}.lock")

    @contextmanager
    def exclusive() -> Iterator[None]:
        with locked_file(lock):
            yield

    return exclusive


def _journal(text: str) -> StudyStorage:
    label = f"journal:{text}"
    path = _file(text, label)
    try:
        with path.open("ab+") as file:
            file.seek(0)
            # What a writer left unfinished is cut off later: it must not be somebody's text.
            if not _START.startswith(file.read(len(_START))):
                raise ValueError("another start")
        return StudyStorage(JournalStorage(Journal(path)), label, _beside(path))
    except (ValueError, KeyError, TypeError, AssertionError):
        hint = "a journal has a line of JSON for each change; use another file"
        raise UsageError(Fault(f"`{path}` is no journal of a study", hint=hint)) from None


def _sqlite(text: str) -> StudyStorage:
    label = f"sqlite:///{text}"
    if text == ":memory:":
        return _in_memory()
    path = _file(text, label)
    _check_sqlite(path)
    exclusive = _beside(path)
    with exclusive():  # two processes that make the tables at once would collide
        _write_ahead(path)
        url = URL.create("sqlite", database=str(path))
        storage = _database(url, {"connect_args": {"timeout": _PATIENCE}}, label)
    _immediate(storage.engine)
    return StudyStorage(get_storage(storage), label, exclusive)


def _check_sqlite(path: Path) -> None:
    if not path.exists():
        return
    try:
        connection = sqlite3.connect(path, timeout=_PATIENCE)
        try:
            tables = {name for (name,) in connection.execute("select name from sqlite_master")}
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise UsageError(Fault(f"`{path}` is no SQLite database: {error}", hint="use another file")) from None
    if tables and "studies" not in tables:
        raise UsageError(Fault(f"`{path}` is a database of something else", hint="use another file"))


def _write_ahead(path: Path) -> None:
    """Has the database keep a log of writes ahead, where its file system can: a transaction then survives
    whatever kills the process and need not wait for the disk, and a trial takes dozens of them."""
    connection = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        with suppress(sqlite3.OperationalError):  # somebody reads: it stays as it was
            connection.execute("pragma journal_mode=wal")
    finally:
        connection.close()


def _immediate(engine: Engine) -> None:
    """Makes each transaction take the write lock when it begins: SQLite knows no `select for update`, and two
    processes would else read a trial as waiting and both take it."""

    @sql.event.listens_for(engine, "connect")
    def no_implicit_transactions(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("pragma synchronous=normal")

    @sql.event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("begin immediate")

    engine.dispose()  # connections from before know nothing of this


def _postgresql(text: str) -> StudyStorage:
    require("psycopg", "postgresql", "a study in PostgreSQL")
    label = without_password(text)
    try:
        url = make_url(text).set(drivername="postgresql+psycopg")
    except (sql.exc.ArgumentError, ValueError):
        hint = "write `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, with `%40` for an @ in a password"
        raise UsageError(Fault(f"`{label}` is no address of a database", hint=hint)) from None
    options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
    engine = sql.create_engine(url, **options)
    with _telling(label), engine.connect():
        pass
    exclusive = _advisory(engine)
    with exclusive():
        storage = _database(url, options, label)
    return StudyStorage(
        get_storage(storage), label, exclusive, exclusive_for=lambda name: _advisory(engine, name)
    )


def _advisory(engine: Engine, name: str = "") -> Lock:
    """A lock of the server, another for each name, that ends with its transaction: however this is left, no
    connection that goes back to its pool still holds it."""
    key = zlib.crc32(f"spacegen:{name}".encode())

    @contextmanager
    def exclusive() -> Iterator[None]:
        with engine.connect() as connection:
            connection.execute(sql.text("select pg_advisory_xact_lock(:key)"), {"key": key})
            yield

    return exclusive


def _database(url: URL, options: dict[str, Any], label: str) -> RDBStorage:
    # Optuna fills places in addresses, so that braces have to be doubled.
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    with _telling(label), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RDBStorage(text, engine_kwargs=options)


@contextmanager
def _telling(label: str) -> Iterator[None]:
    """Says what is wrong with a database, without its password."""
    try:
        yield
    except (*BROKEN, RuntimeError) as error:
        raise UsageError(Fault(f"cannot keep a study in `{label}`: {why(error)}")) from None


@contextmanager
def keeping(storage: StudyStorage) -> Iterator[None]:
    """Says so where a storage is lost that was there before. Raises UsageError."""
    try:
        yield
    except BROKEN as error:
        hint = "nothing is lost: the same command goes on where this one stopped"
        raise UsageError(
            Fault(f"the study in `{storage.label}` is out of reach: {why(error)}", hint=hint)
        ) from error


def why(error: BaseException) -> str:
    """What is behind an error of a storage, in one line."""
    cause: BaseException = error
    while (deeper := getattr(cause, "orig", None) or cause.__cause__) is not None:
        cause = deeper
    return next(iter(str(cause).strip().splitlines()), type(cause).__name__)
