"""The installation's own certificates for content credentials: a private authority, and a leaf that it signs.

C2PA accepts no self-signed leaf. No list trusts this authority, so every reader reports its signatures as untrusted.
"""

import hashlib
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from service.settings import Settings, kept_file

#: File under `home` with the chain of commands that need no server.
OWN_CHAIN = "signing-chain.pem"
#: Organisation in the certificates, which readers show as the issuer.
ORGANISATION = "Backdrop"
#: Lifetimes. A leaf with less than `_RENEW` left is replaced at a start: a signature without a time stamp ends with it,
#: and so does the work of a process that never restarts.
_AUTHORITY, _LEAF, _RENEW = timedelta(days=3650), timedelta(days=730), timedelta(days=365)
_PEM = serialization.Encoding.PEM
_KEY_BEGIN, _KEY_END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----\n"


@dataclass(frozen=True)
class Chain:
    """The certificates and their PKCS#8 keys as PEM, the leaf's first, then the authority's."""

    certificates: str
    keys: str

    @property
    def leaf_key(self) -> str:
        """The key that signs pictures."""
        return self.keys.partition(_KEY_END)[0] + _KEY_END

    @property
    def secret(self) -> bytes:
        """32 bytes that follow from the authority's key, so a new leaf does not change them."""
        return hashlib.sha256(b"visible watermark\n" + self.keys.removeprefix(self.leaf_key).encode()).digest()

    @property
    def installation(self) -> int:
        """The installation's number: the first 18 bits of the SHA-256 of the authority's certificate."""
        authority = x509.load_pem_x509_certificates(self.certificates.encode())[-1]
        return int.from_bytes(authority.fingerprint(hashes.SHA256())[:3]) >> 6


def renewed(old: Chain | None) -> Chain:
    """Return the chain, with a new leaf if the old one ends soon, or a new chain if its authority does."""
    soon = datetime.now(UTC) + _RENEW
    if old is not None:
        leaf, authority = x509.load_pem_x509_certificates(old.certificates.encode())
        if leaf.not_valid_after_utc > soon:
            return old
        if authority.not_valid_after_utc > soon:
            key = serialization.load_pem_private_key(old.keys.removeprefix(old.leaf_key).encode(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey), "Backdrop makes no others"
            return _with_leaf(authority, key)
    key = ec.generate_private_key(ec.SECP256R1())
    return _with_leaf(_certificate("Installation's own authority", key, key), key)


def kept_chain(settings: Settings) -> Chain:
    """Return the chain in a file that only its owner may read, made by the first caller. Raises OSError."""
    path = settings.home / OWN_CHAIN
    text = kept_file(path, lambda: "".join(astuple(renewed(None))).encode()).decode()
    certificates, begin, keys = text.partition(_KEY_BEGIN)
    if (new := renewed(old := Chain(certificates, begin + keys))) != old:
        path.unlink(missing_ok=True)
        kept_file(path, lambda: "".join(astuple(new)).encode())
    return new


def _with_leaf(authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey) -> Chain:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _certificate("Installation's own certificate", key, authority_key, authority)
    private = (_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Chain(
        "".join(one.public_bytes(_PEM).decode() for one in (leaf, authority)),
        "".join(one.private_bytes(*private).decode() for one in (key, authority_key)),
    )


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None = None
) -> x509.Certificate:
    """Return a certificate by the profile of the C2PA specification, section 14.5. Without an issuer, an authority."""
    root, now = issuer is None, datetime.now(UTC)
    named = {NameOID.ORGANIZATION_NAME: ORGANISATION, NameOID.COMMON_NAME: name}
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in named.items()])
    end = now + _AUTHORITY if issuer is None else min(now + _LEAF, issuer.not_valid_after_utc)
    builder = x509.CertificateBuilder(
        subject if issuer is None else issuer.subject, subject, key.public_key(), x509.random_serial_number()
    )
    # a day of tolerance for readers whose clock is behind
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(end)
    for critical, one in (
        (True, x509.BasicConstraints(ca=root, path_length=0 if root else None)),
        (True, x509.KeyUsage(not root, False, False, False, False, root, root, False, False)),
        (False, x509.SubjectKeyIdentifier.from_public_key(key.public_key())),
        (False, x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())),
        (False, None if root else x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])),
    ):
        builder = builder if one is None else builder.add_extension(one, critical)
    return builder.sign(by, hashes.SHA256())
