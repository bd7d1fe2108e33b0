"""Brands: a client's own palette, style words, seed policy and default preset, by name.

At the submit, a brand gives the values that the request omits. The job stores them, so later changes don't affect it.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pipeline.core.order import SEED_LIMIT
from service.database.clock import db_now
from service.database.engine import insert, reader
from service.database.tables import brands

#: Maximum number of brands per client.
MAX_BRANDS = 500
#: Maximum length of a name in characters, as in the contract's `pilot_brand`.
MAX_NAME_LENGTH = 120


class SeedPolicy(StrEnum):
    """The source of the seeds of a brand's swaps."""

    PINNED = "pinned"  #: One seed for all: the same spec gives the same background for every product.
    FREE = "free"  #: A new seed for each swap.


class BrandNameInvalid(ValueError):
    """Raised when a brand can't have the given name."""


class TooManyBrands(Exception):
    """Raised when a client has the maximum number of brands."""


@dataclass(frozen=True)
class Profile:
    """A brand as its client sets it."""

    #: #rrggbb, most present first.
    palette: tuple[str, ...] = ()
    style_words: tuple[str, ...] = ()
    seed_policy: SeedPolicy = SeedPolicy.FREE
    #: The seed of a pinned brand; None: keep the current seed, or draw one.
    seed: int | None = None
    #: The default of clients that send no preset; the service stores it but does not use it.
    default_preset: str | None = None
    #: Options of an order by name (`pipeline.core.order.RECORDS`), for requests that leave them out.
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Brand:
    """A stored brand. A pinned brand has a seed, a free brand has none."""

    name: str
    palette: tuple[str, ...]
    style_words: tuple[str, ...]
    seed_policy: SeedPolicy
    seed: int | None
    default_preset: str | None
    options: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    @property
    def pinned(self) -> bool:
        """Whether all swaps of the brand share their seed."""
        return self.seed_policy is SeedPolicy.PINNED


class Brands:
    """The brands in the database. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def list(self, client_id: str) -> list[Brand]:
        """Return a client's brands, sorted by name."""
        query = sa.select(brands).where(brands.c.client_id == client_id)
        with self._reader.connect() as connection:
            return sorted((_brand(row) for row in connection.execute(query).mappings()), key=lambda brand: brand.name)

    def get(self, name: str, *, client_id: str) -> Brand | None:
        """Return the client's brand with exactly this name; None if there is none."""
        if not may_be_name(name):
            return None
        with self._reader.connect() as connection:
            row = connection.execute(sa.select(brands).where(_is(client_id, name))).mappings().first()
        return None if row is None else _brand(row)

    def put(self, name: str, profile: Profile, *, client_id: str) -> tuple[Brand, bool]:
        """Create or replace a client's brand; return it and whether it is new.

        A pinned brand keeps its seed unless the profile has one. Raises BrandNameInvalid and TooManyBrands.
        """
        if not may_be_name(name):
            raise BrandNameInvalid(name)
        drawn = profile.seed if profile.seed is not None else secrets.randbelow(SEED_LIMIT)
        pinned = profile.seed_policy is SeedPolicy.PINNED
        values: dict[str, Any] = {
            "palette": list(profile.palette),
            "style_words": list(profile.style_words),
            "seed_policy": str(profile.seed_policy),
            "default_preset": profile.default_preset,
            "options": profile.options or None,
        }
        kept = drawn if profile.seed is not None else sa.func.coalesce(brands.c.seed, drawn)
        again = brands.update().where(_is(client_id, name)).returning(*brands.c)
        again = again.values(**values, seed=kept if pinned else None, updated_at=db_now())
        with self._engine.begin() as connection:
            row = connection.execute(again).mappings().first()
            if row is not None:
                return _brand(row), False
            self._check_room(connection, client_id)
            new = insert(connection, brands).values(
                client_id=client_id, name=name, **values, seed=drawn if pinned else None, updated_at=db_now()
            )
            row = connection.execute(new.on_conflict_do_nothing().returning(*brands.c)).mappings().first()
            if row is not None:
                return _brand(row), True
            # Another request created it in between.
            return _brand(connection.execute(again).mappings().one()), False

    def delete(self, name: str, *, client_id: str) -> bool:
        """Delete a client's brand and return whether there was one. Its jobs keep their values."""
        if not may_be_name(name):
            return False
        with self._engine.begin() as connection:
            return connection.execute(brands.delete().where(_is(client_id, name))).rowcount == 1

    @staticmethod
    def _check_room(connection: sa.Connection, client_id: str) -> None:
        own = sa.select(sa.func.count()).where(brands.c.client_id == client_id)
        if connection.execute(own).scalar_one() >= MAX_BRANDS:
            raise TooManyBrands


def may_be_name(name: str) -> bool:
    """Return whether a name is valid: 1 to 120 characters without control characters, surrogates and slashes."""
    return 1 <= len(name) <= MAX_NAME_LENGTH and not any(
        ord(character) < 0x20
        or 0x7F <= ord(character) <= 0x9F
        or 0xD800 <= ord(character) <= 0xDFFF
        or character == "/"
        for character in name
    )


def _is(client_id: str, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(brands.c.client_id == client_id, brands.c.name == name)


def _brand(row: sa.RowMapping) -> Brand:
    return Brand(
        name=row["name"],
        palette=tuple(row["palette"]),
        style_words=tuple(row["style_words"]),
        seed_policy=SeedPolicy(row["seed_policy"]),
        seed=row["seed"],
        default_preset=row["default_preset"],
        options=row["options"] or {},
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
