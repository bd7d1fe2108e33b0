"""The audit's database, created once per module and restored before each test."""

from collections.abc import Iterator

import pytest

from service.settings import Settings
from tests.service.diagnostics.books import Books
from tests.support.databases import migrated_database, migrated_engine


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def made_books(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    url = f"sqlite:///{tmp_path_factory.mktemp('audit') / 'audit.db'}"
    if request.param == "postgresql":
        url = migrated_database(request.getfixturevalue("postgresql_server"), "audit")
    engine = migrated_engine(Settings(database_url=url))
    yield Books(engine)
    engine.dispose()


@pytest.fixture
def books(made_books: Books) -> Books:
    made_books.put_right()
    return made_books
