"""What repositories share: a row goes in and comes out as a frozen dataclass whose fields are the columns.

Rules:
    - A page is newest first, in the order (time, id), and its cursor is the id of its last row: rows that appear later
      never shift a later page. The cursor is looked for under the same conditions as the list, so an id from another
      tenant is as unknown as one that does not exist.
    - `lock=True` takes the row's lock on PostgreSQL; on SQLite the write transaction already excludes every other.
    - Take locks in the order work, jobs, budgets, audit head: then transactions do not wait for each other in a ring.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from sqlalchemy import Column, ColumnElement, Connection, Table, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from secure_ds.store.errors import AlreadyExists, NotFound, UnknownCursor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")


class Repository:
    """Access to one kind of thing within one transaction; `now` is that transaction's one clock reading."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now


def values_of(row: "DataclassInstance") -> dict[str, Any]:
    """Return the row's fields by name, as they are."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def columns_of(table: Table, row_type: type[Row]) -> list[Column[Any]]:
    """Return the columns that make up a row."""
    return [table.c[field.name] for field in fields(row_type)]


def add(connection: Connection, table: Table, values: dict[str, Any], identity: str) -> None:
    """Insert a row.

    Raises:
        AlreadyExists: a row with that key is there; `identity` names it in the message.
    """
    try:
        connection.execute(insert(table), values)
    except IntegrityError as error:
        if not _is_duplicate(error):
            raise
        raise AlreadyExists(f"{identity} exists already") from error


def find(
    connection: Connection, table: Table, row_type: type[Row], *conditions: ColumnElement[bool], lock: bool = False
) -> Row | None:
    """Return the one row that meets the conditions, or None."""
    query = select(*columns_of(table, row_type)).where(*conditions)
    found = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if found is None else row_type(**found)


def require(connection: Connection, table: Table, row_type: type[Row], row_id: str) -> Row:
    """Return the row with that id, locked, to be changed.

    Raises:
        NotFound: there is none.
    """
    row = find(connection, table, row_type, table.c.id == row_id, lock=True)
    if row is None:
        raise NotFound(f"there is no {table.name.removesuffix('s')} {row_id}")
    return row


def change(connection: Connection, table: Table, row: Row, **values: Any) -> Row:
    """Set columns of a row that was required, and return it as it is then."""
    connection.execute(update(table).where(table.c.id == values_of(row)["id"]).values(**values))
    return replace(row, **values)


def page(
    connection: Connection,
    table: Table,
    row_type: type[Row],
    time: Column[datetime],
    conditions: Sequence[ColumnElement[bool]],
    after: str | None,
    limit: int,
) -> list[Row]:
    """Return up to `limit` rows that meet the conditions, newest first, following the row with id `after`.

    Raises:
        UnknownCursor: no row that meets the conditions has the id `after`.
    """
    query = select(*columns_of(table, row_type)).where(*conditions)
    if after is not None:
        query = query.where(_beyond(connection, table, time, conditions, after))
    rows = connection.execute(query.order_by(time.desc(), table.c.id.desc()).limit(limit)).mappings()
    return [row_type(**row) for row in rows]


def _beyond(
    connection: Connection, table: Table, time: Column[datetime], conditions: Sequence[ColumnElement[bool]], after: str
) -> ColumnElement[bool]:
    moment = connection.execute(select(time).where(table.c.id == after, *conditions)).scalar_one_or_none()
    if moment is None:
        raise UnknownCursor("the list has no such position; start again from its first page")
    return or_(time < moment, and_(time == moment, table.c.id < after))


def _is_duplicate(error: IntegrityError) -> bool:
    if isinstance(error.orig, sqlite3.IntegrityError):
        return error.orig.sqlite_errorname in ("SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE")
    return isinstance(error.orig, psycopg.errors.UniqueViolation)
