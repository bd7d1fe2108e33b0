"""Secrets at rest: stored text signs nothing, old keys still decrypt, and a wrong key names the setting."""

import stat
from pathlib import Path

import pytest

from service.cli.options import settings_from
from service.database.encryption import SecretCipher, SecretUnreadable, new_encryption_key, open_cipher
from service.settings import Settings
from testkit.polling import at_once

OLD, NEW = new_encryption_key(), new_encryption_key()


def test_the_first_key_encrypts_every_key_decrypts_and_the_stored_text_is_not_the_secret() -> None:
    old, rotating = SecretCipher([OLD]).encrypt("shpss_0123456789"), SecretCipher([NEW, OLD])
    stored = rotating.encrypt("shpss_0123456789")

    assert "shpss" not in stored
    assert stored != rotating.encrypt("shpss_0123456789"), "equal secrets do not look equal"
    assert rotating.decrypt(old) == SecretCipher([NEW]).decrypt(stored) == "shpss_0123456789"
    assert (rotating.is_current(old), rotating.is_current(stored)) == (False, True)
    # Secrets from before, stored in plain text, still work.
    assert SecretCipher([NEW]).decrypt("plain") == SecretCipher().encrypt("plain") == "plain"
    with pytest.raises(ValueError, match="fernet:"):
        SecretCipher().encrypt("fernet:looks encrypted")


@pytest.mark.parametrize("keys", [[], [OLD]], ids=["no key", "another key"])
def test_without_its_key_a_secret_is_unreadable_and_the_error_names_the_setting(keys: list[str]) -> None:
    stored = SecretCipher([NEW]).encrypt("secret")

    with pytest.raises(SecretUnreadable, match="BACKDROP_ENCRYPTION_KEYS"):
        SecretCipher(keys).decrypt(stored)


def test_the_embedded_database_has_a_key_of_its_own_that_only_its_owner_may_read(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    made = at_once(*[settings.encryption_key_list] * 8)

    assert len({tuple(keys) for keys in made}) == 1, "a simultaneous caller gets the same key"
    assert stat.S_IMODE(settings.encryption_key_file.stat().st_mode) == 0o600
    assert [path.name for path in settings.home.iterdir()] == ["encryption-key"]
    assert open_cipher(settings).encrypts


def test_another_database_has_only_the_keys_of_the_settings(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"

    assert not open_cipher(Settings(home=tmp_path / "home", database_url=url)).encrypts
    keys = Settings(database_url=url, encryption_keys=f"{NEW}, {OLD},").encryption_key_list()
    assert keys == [NEW, OLD]
    assert not (tmp_path / "home").exists()


def test_an_invalid_key_stops_the_start_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDROP_ENCRYPTION_KEYS", f"{NEW},not-a-key")

    with pytest.raises(Exception, match=r"BACKDROP_ENCRYPTION_KEYS: key 2 is not a Fernet key") as caught:
        settings_from()
    assert "not-a-key" not in str(caught.value.__cause__)
