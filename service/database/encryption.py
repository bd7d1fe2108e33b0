"""Encryption of signing secrets in the database, so that a dump does not contain usable secrets.

Uses Fernet (github.com/fernet/spec: AES-128-CBC and HMAC-SHA256) from `cryptography`. With several keys (MultiFernet)
the first encrypts and all of them decrypt.
"""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from service.database.tables import clients, signing_chain, webhooks
from service.settings import Settings

#: Prefix of an encrypted secret. No plain secret may start with it.
PREFIX = "fernet:"
#: Every column with a secret that Backdrop needs in full, and not only as a hash.
SECRET_COLUMNS = (
    clients.c.shopify_secret,
    clients.c.shopify_secret_previous,
    webhooks.c.secret,
    webhooks.c.secret_previous,
    webhooks.c.secrets_retired,
    signing_chain.c["keys"],
)


class SecretUnreadable(Exception):
    """Raised if a secret was encrypted with a key that is not in the settings."""


class SecretCipher:
    """Encrypts and decrypts secrets. Without keys it stores plain text, and reads only that. Thread-safe."""

    def __init__(self, keys: Sequence[str] = (), *, named: str = "BACKDROP_ENCRYPTION_KEYS") -> None:
        """`keys`: 32 random bytes each, in URL-safe base64. `named`: their source, for messages.

        Raises ValueError for any other key.
        """
        self._fernets = [Fernet(key) for key in keys]
        self._all = MultiFernet(self._fernets) if keys else None
        self._named = named

    @property
    def encrypts(self) -> bool:
        """Whether it encrypts the secrets that it stores."""
        return self._all is not None

    def encrypt(self, secret: str) -> str:
        """Return the stored form of a secret. Raises ValueError if the secret starts with `PREFIX`."""
        if secret.startswith(PREFIX):
            raise ValueError(f"The secret starts with {PREFIX!r}, which marks encrypted secrets. Use another secret.")
        return secret if self._all is None else PREFIX + self._all.encrypt(secret.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Return the secret of a stored form, plain or encrypted with any of the keys. Raises SecretUnreadable."""
        if not stored.startswith(PREFIX):
            return stored
        if self._all is None:
            raise SecretUnreadable(f"A secret is encrypted, but there is no key. Set {self._named}.")
        try:
            return self._all.decrypt(stored.removeprefix(PREFIX)).decode()
        except InvalidToken:
            raise SecretUnreadable(
                f"A secret is encrypted with a key that is missing. Add that key to {self._named}."
            ) from None

    def is_current(self, stored: str) -> bool:
        """Return whether `encrypt` would store it in this form: with the first key, or as plain text without keys."""
        if self._all is None:
            return not stored.startswith(PREFIX)
        try:
            self._fernets[0].decrypt(stored.removeprefix(PREFIX))
        except InvalidToken:
            return False
        return stored.startswith(PREFIX)


def new_encryption_key() -> str:
    """Return a new key: 32 random bytes in URL-safe base64."""
    return Fernet.generate_key().decode()


def open_cipher(settings: Settings) -> SecretCipher:
    """Return the cipher of the settings. The embedded database uses the key in its home."""
    kept = "" if settings.database_url else f" or {settings.encryption_key_file}"
    return SecretCipher(settings.encryption_key_list(), named=f"BACKDROP_ENCRYPTION_KEYS{kept}")
