"""The installation's own certificates: made once, renewed in time, and accepted by the c2pa library as untrusted."""

import platform
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509
from prometheus_client import CollectorRegistry

from service.database.encryption import new_encryption_key, open_cipher, reencrypt
from service.database.engine import create_engine
from service.database.tables import signing_chain
from service.diagnostics.doctor import examine
from service.health.installation import open_installation
from service.health.observed import InstallationMetrics
from service.marks import chain as chains
from service.marks.c2pa import CredentialsInvalid, open_credentials, open_marking
from service.marks.chain import Chain, kept_chain, renewed
from service.marks.stored import stored_chain
from service.settings import Settings
from service.worker.main import CANNOT_START, serve
from tests.service.marks.test_c2pa import signing
from tests.support.databases import ON_SQLITE

__all__ = ["signing"]

SCENE, WHITE = "compositeWithTrainedAlgorithmicMedia", "compositeCapture"


@pytest.fixture
def settings(tmp_path: Path, migrated_url: str) -> Settings:
    return Settings(home=tmp_path, database_url=migrated_url, encryption_keys="A" * 43 + "=")


def ends(chain: Chain) -> list[datetime]:
    return [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(chain.certificates.encode())]


def test_workers_that_start_at_once_sign_with_one_chain_whose_keys_are_encrypted(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(stored_chain, [settings] * 4)
    assert others == [first] * 3 == [stored_chain(settings)] * 3

    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        (keys,) = connection.scalars(sa.select(signing_chain.c["keys"]))
    assert keys.startswith("fernet:")
    other = settings.model_copy(update={"encryption_keys": new_encryption_key()})
    with pytest.raises(CredentialsInvalid, match="Add that key to BACKDROP_ENCRYPTION_KEYS"):
        stored_chain(other)
    assert reencrypt(engine, open_cipher(settings), open_cipher(other))["changed"] == 1
    assert stored_chain(other) == first
    engine.dispose()
    assert first.keys.count("BEGIN PRIVATE KEY") == 2


@pytest.mark.parametrize("made", [stored_chain, kept_chain])
def test_a_leaf_lasts_two_years_and_its_authority_renews_it_before_it_ends(
    settings: Settings, made: Callable[[Settings], Chain], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(chains, "_LEAF", timedelta(days=360))
        patch.setattr(chains, "_RENEW", timedelta(days=0))
        old = made(settings)
    new, now = made(settings), datetime.now(UTC)

    assert ends(old)[0] < now + timedelta(days=365) < now + timedelta(days=700) < ends(new)[0]
    assert ends(old)[1] == ends(new)[1]
    assert old.installation == new.installation < 1 << 18
    assert made(settings) == new
    assert old.secret == new.secret
    leaf, authority = x509.load_pem_x509_certificates(new.certificates.encode())
    leaf.verify_directly_issued_by(authority)


def test_a_chain_whose_authority_ends_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "_AUTHORITY", timedelta(days=30))
    old = renewed(None)
    monkeypatch.undo()
    assert renewed(old).installation != old.installation


def test_commands_without_a_server_keep_their_chain_in_a_file_of_its_owner(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert kept_chain(settings) == kept_chain(settings)
    (file,) = settings.home.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_only_synthetic_pictures_are_signed_unless_the_operator_has_a_certificate(
    tmp_path: Path, signing: Settings
) -> None:
    own, operators = open_credentials(Settings(), renewed(None)), open_credentials(signing, renewed(None))
    assert own is not None
    assert operators is not None
    assert [(one.trusted, one.signs(SCENE), one.signs(WHITE), one.signs(None)) for one in (own, operators)] == [
        (False, True, False, False),
        (True, True, True, True),
    ]


def test_each_mark_has_a_switch(tmp_path: Path) -> None:
    given = Settings(home=tmp_path)
    whole = open_marking(given, kept_chain)
    assert whole.xmp
    assert whole.credentials is not None
    assert whole.installation == kept_chain(given).installation
    without = [
        open_marking(given.model_copy(update={name: False}), kept_chain) for name in ("xmp", "c2pa", "watermark")
    ]
    assert [(one.xmp, one.credentials is None, one.installation is None) for one in without] == [
        (False, False, False),
        (True, True, False),
        (True, False, True),
    ]


def test_without_the_library_or_a_writable_home_no_picture_is_made(
    tmp_path: Path, signing: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CredentialsInvalid, match="BACKDROP_HOME"):
        open_marking(Settings(home=tmp_path / "file"), kept_chain)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    for given in (Settings(home=tmp_path), signing):
        with pytest.raises(CredentialsInvalid, match="c2pa library"):
            open_marking(given.model_copy(update={"home": tmp_path}), kept_chain)


@ON_SQLITE
def test_a_worker_without_the_right_encryption_key_does_not_start_and_the_doctor_and_the_metrics_say_so(
    settings: Settings, valkey_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signal.signal", lambda number, handler: None)  # the test process keeps its own
    wrong = settings.model_copy(
        update={"encryption_keys": new_encryption_key(), "queue_url": f"{valkey_url.rpartition('/')[0]}/7"}
    )
    examine(settings, load=False)
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        assert not connection.execute(sa.select(signing_chain)).all(), "the doctor makes none"
    engine.dispose()
    secret = stored_chain(settings).secret

    assert serve(wrong) == CANNOT_START

    state, registry = open_installation(wrong).look(), CollectorRegistry()
    InstallationMetrics(registry).saw(state)
    assert registry.get_sample_value("backdrop_workers_unmarked") == 1
    assert any("Add that key to BACKDROP_ENCRYPTION_KEYS" in one.detail for one in state.lacking)
    capsys.readouterr()
    assert not examine(wrong, load=False)
    said = capsys.readouterr().out
    assert re.search(r"wrong marks +A secret is encrypted with a key that is missing", said)
    assert f"The worker on {platform.node()} can't mark pictures" in said
    assert open_marking(settings, stored_chain).secret == secret
