"""The certificate chain in the database, which all workers share. Apart, because commands need no database."""

import contextlib

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from service.database.encryption import SecretUnreadable, open_cipher
from service.database.engine import create_engine, reader
from service.database.tables import signing_chain
from service.marks.c2pa import CredentialsInvalid
from service.marks.chain import OWN_CHAIN, Chain, renewed
from service.settings import Settings


def stored_chain(settings: Settings, *, keep: bool = True) -> Chain:
    """Return the chain in the database, which the first caller makes. Raises CredentialsInvalid and SQLAlchemyError.

    `keep`: whether a new chain is stored.
    """
    cipher, engine = open_cipher(settings), create_engine(settings.sqlalchemy_url)
    with contextlib.ExitStack() as stack:
        stack.callback(engine.dispose)
        while True:
            with reader(engine).connect() as connection:
                row = connection.execute(sa.select(signing_chain.c.certificates, signing_chain.c["keys"])).one_or_none()
            try:
                old = None if row is None else Chain(row[0], cipher.decrypt(row[1]))
            except SecretUnreadable as error:
                raise CredentialsInvalid(str(error)) from error
            if (new := renewed(old)) == old or not keep:
                return new
            # Another process may be faster: the next look finds its chain.
            kept = {"one": 1, "certificates": new.certificates, "keys": cipher.encrypt(new.keys)}
            with contextlib.suppress(IntegrityError), engine.begin() as connection:
                if row is not None:
                    connection.execute(sa.delete(signing_chain).where(signing_chain.c.certificates == row[0]))
                connection.execute(sa.insert(signing_chain).values(kept))


def own_numbers(settings: Settings, engine: sa.Engine | None) -> list[int]:
    """Return the numbers of this installation: its database's, and that of its commands. Raises SQLAlchemyError."""
    kept = settings.home / OWN_CHAIN
    chains = [kept.read_text()] if kept.is_file() else []
    if engine is not None:
        with reader(engine).connect() as connection:
            chains += connection.scalars(sa.select(signing_chain.c.certificates))
    return [Chain(one, "").installation for one in chains]
