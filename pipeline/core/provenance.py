"""The machine-readable mark of how a picture was made: IPTC's DigitalSourceType in an XMP packet.

IPTC defines this property in XMP only. Its technical reference lists no dataset for it in the older binary format (IIM,
a JPEG's APP13), where Headline, for example, has 2:105. So JPEG, PNG, WebP and AVIF carry the packet, and Backdrop
writes no IIM. No other dataset means the same: free text in 2:40 (Special Instructions) and 2:115 (Source) is for the
publisher to fill.
"""

import re
from typing import Protocol

#: IPTC NewsCodes, scheme digitalsourcetype; a term is appended.
DIGITAL_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
#: Terms for synthetic pixels, from the smallest claim to the largest. They mean: by an untrained algorithm, partly
#: synthetic, partly by a trained network, wholly by a trained network.
_SYNTHETIC = (
    "algorithmicMedia",
    "compositeSynthetic",
    "compositeWithTrainedAlgorithmicMedia",
    "trainedAlgorithmicMedia",
)

# id and wrapper: XMP specification part 1 (ISO 16684-1), section 7.3.2; the id is the same in every packet.
# Iptc4xmpExt: IPTC Photo Metadata Standard 2021.1, "Digital Source Type".
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" \
Iptc4xmpExt:DigitalSourceType="{uri}"/></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
# The writer chooses the prefix, so any matches. All repetitions are bounded: a hostile packet costs linear time.
_ATTRIBUTE = re.compile(r":DigitalSourceType\s{0,20}=\s{0,20}[\"']([^\"'<]{0,300})[\"']")
_ELEMENT = re.compile(r"<[\w.-]{1,40}:DigitalSourceType(?:\s[^<>]{0,300})?>([^<]{0,500})</")
_RESOURCE = re.compile(
    r"<[\w.-]{1,40}:DigitalSourceType\s[^<>]{0,200}?rdf:resource\s{0,20}=\s{0,20}[\"']([^\"'<]{0,300})"
)


class Credentials(Protocol):
    """Signs files with content credentials (C2PA), and reads them back."""

    @property
    def issuer(self) -> str:
        """The name in the certificate."""

    @property
    def trusted(self) -> bool:
        """Whether the operator set the certificate. If false, it is the installation's own."""

    @property
    def reserve(self) -> int:
        """Maximum number of bytes that a signature adds to a file."""

    def for_photo(self, photo: bytes, content_type: str, max_bytes: int | None) -> "Credentials":
        """Return the signer of pictures of a photo, whose manifest becomes their ingredient if that keeps the limit."""

    def signs(self, digital_source_type: str | None) -> bool:
        """Return whether a file with this IPTC term is signed."""

    def sign(self, data: bytes, content_type: str, digital_source_type: str | None) -> bytes:
        """Return the file with a signed manifest and the same pixels. Raises PipelineError."""

    def read(self, data: bytes, content_type: str) -> str | None:
        """Return the issuer that a file's manifest names; None where there is no manifest or it is not valid."""


def xmp_packet(term: str) -> bytes:
    """Return a UTF-8 XMP packet whose DigitalSourceType is the IPTC term, e.g. compositeCapture.

    Raises ValueError for anything but letters: other characters could break out of the attribute.
    """
    if not re.fullmatch(r"[A-Za-z]+", term):
        raise ValueError(f"DigitalSourceType must be an IPTC term of letters only, not {term!r}.")
    return _PACKET.format(uri=DIGITAL_SOURCE_TYPES + term).encode()


def read_digital_source_type(xmp: bytes | str) -> str | None:
    """Return the IPTC term in an XMP packet; the whole value for another scheme; None where absent."""
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else xmp
    found = _ATTRIBUTE.search(text) or _RESOURCE.search(text) or _ELEMENT.search(text)
    if found is None:
        return None
    value = found.group(1).strip()
    # the scheme's address is http, but some writers use https
    return value.replace("https://cv.iptc.org/", "http://cv.iptc.org/", 1).removeprefix(DIGITAL_SOURCE_TYPES)


def is_synthetic(term: str | None) -> bool:
    """Return whether an IPTC term says that pixels are synthetic."""
    return term in _SYNTHETIC


def stronger(own: str | None, source: str | None) -> str | None:
    """Return the mark of a picture made from a source: `own`, unless the source declares more of it synthetic.

    `own` is the term for this swap, `source` the photo's own term. Either may be None.
    """
    if source not in _SYNTHETIC:
        return own
    if own not in _SYNTHETIC:
        return source
    return max(own, source, key=_SYNTHETIC.index)
