"""Encryption at rest: secrets that sign lie in their columns encrypted, so that a dump of the database signs nothing.

Fernet (github.com/fernet/spec: AES-128-CBC and HMAC-SHA256) through `cryptography`. Several keys are good at once, as
its MultiFernet has them: the first encrypts, each decrypts.
"""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from service.database.tables import clients, webhooks
from service.settings import Settings

#: What tells an encrypted secret from one in the clear; no secret may start with it.
PREFIX = "fernet:"
#: Every column that holds a secret of which more than a hash is needed.
SECRET_COLUMNS = (
    clients.c.shopify_secret,
    clients.c.shopify_secret_previous,
    webhooks.c.secret,
    webhooks.c.secret_previous,
    webhooks.c.secrets_retired,
)


class SecretUnreadable(Exception):
    """Raised when a secret was encrypted with a key that is not among the settings'."""


class SecretCipher:
    """Encrypts and decrypts secrets. Without keys it leaves them in the clear, and reads only such. Safe in threads."""

    def __init__(self, keys: Sequence[str] = (), *, named: str = "BACKDROP_ENCRYPTION_KEYS") -> None:
        """`keys`: 32 random bytes each, in URL-safe base64. `named`: where they come from, for people.

        Raises ValueError for anything else.
        """
        self._fernets = [Fernet(key) for key in keys]
        self._all = MultiFernet(self._fernets) if keys else None
        self._named = named

    @property
    def encrypts(self) -> bool:
        """Whether what it stores is encrypted."""
        return self._all is not None

    def encrypt(self, secret: str) -> str:
        """Return what is stored of a secret. Raises ValueError for one that looks as if it were encrypted."""
        if secret.startswith(PREFIX):
            raise ValueError(f"A secret does not start with {PREFIX!r}.")
        return secret if self._all is None else PREFIX + self._all.encrypt(secret.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Return the secret of what is stored, in the clear or by any of the keys. Raises SecretUnreadable."""
        if not stored.startswith(PREFIX):
            return stored
        if self._all is None:
            raise SecretUnreadable(f"A secret is encrypted, and there is no key: set {self._named}.")
        try:
            return self._all.decrypt(stored.removeprefix(PREFIX)).decode()
        except InvalidToken:
            raise SecretUnreadable(
                f"A secret is encrypted with a key that is not among those of {self._named}: add the key that did it."
            ) from None

    def is_current(self, stored: str) -> bool:
        """Tell whether it is stored as `encrypt` would store it now: by the first key, or in the clear without any."""
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
    """Return the cipher of the settings; on the embedded database with the key that lies in its home."""
    kept = "" if settings.database_url else f" or {settings.encryption_key_file}"
    return SecretCipher(settings.encryption_key_list(), named=f"BACKDROP_ENCRYPTION_KEYS{kept}")
