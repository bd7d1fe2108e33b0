"""The machine-readable mark that says how a picture came to be: IPTC's DigitalSourceType in an XMP packet.

XMP is the only place that the IPTC standard gives this property: its technical reference lists no dataset of the older
binary format (IIM, a JPEG's APP13) for it, where Headline, say, has 2:105. So JPEG, PNG, WebP and AVIF all carry the
packet, and no IIM is written. Nor is there a dataset that a reader would take for it: free text in 2:40 (Special
Instructions) or 2:115 (Source) is the publisher's to fill.
"""

import re
from typing import Protocol

#: IPTC NewsCodes, scheme digitalsourcetype; a term is appended.
DIGITAL_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
#: Terms that say that pixels are synthetic, from the least claim to the greatest: made by an algorithm that was not
#: trained; some element synthetic; some element made by a trained network; everything.
_SYNTHETIC = (
    "algorithmicMedia",
    "compositeSynthetic",
    "compositeWithTrainedAlgorithmicMedia",
    "trainedAlgorithmicMedia",
)

# id and wrapper of XMP specification part 1 (ISO 16684-1), section 7.3.2; the id is the same in every packet.
# Iptc4xmpExt: IPTC Photo Metadata Standard 2021.1, "Digital Source Type".
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" \
Iptc4xmpExt:DigitalSourceType="{uri}"/></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
# Any prefix: it is the writer's choice. All repetitions are bounded, so that a hostile packet costs linear time.
_ATTRIBUTE = re.compile(r":DigitalSourceType\s{0,20}=\s{0,20}[\"']([^\"'<]{0,300})[\"']")
_ELEMENT = re.compile(r"<[\w.-]{1,40}:DigitalSourceType(?:\s[^<>]{0,300})?>([^<]{0,500})</")
_RESOURCE = re.compile(
    r"<[\w.-]{1,40}:DigitalSourceType\s[^<>]{0,200}?rdf:resource\s{0,20}=\s{0,20}[\"']([^\"'<]{0,300})"
)


class Credentials(Protocol):
    """Signs files with content credentials (C2PA), and reads them back."""

    @property
    def issuer(self) -> str:
        """Who the certificate names."""

    @property
    def reserve(self) -> int:
        """Most bytes that signing adds to a file."""

    def sign(self, data: bytes, content_type: str, digital_source_type: str | None) -> bytes:
        """Return the file with a signed manifest in it; the pixels are the same. Raises PipelineError."""

    def read(self, data: bytes, content_type: str) -> str | None:
        """Return the issuer that a file's manifest names, None where there is none or it does not hold."""


def xmp_packet(term: str) -> bytes:
    """Return a UTF-8 XMP packet whose DigitalSourceType is the IPTC term, e.g. compositeCapture.

    Raises ValueError for anything but letters, which could leave the attribute.
    """
    if not re.fullmatch(r"[A-Za-z]+", term):
        raise ValueError(f"{term!r} is no IPTC term.")
    return _PACKET.format(uri=DIGITAL_SOURCE_TYPES + term).encode()


def read_digital_source_type(xmp: bytes | str) -> str | None:
    """Return the IPTC term in an XMP packet, the whole value where it is of another scheme, None where absent."""
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else xmp
    found = _ATTRIBUTE.search(text) or _RESOURCE.search(text) or _ELEMENT.search(text)
    if found is None:
        return None
    value = found.group(1).strip()
    # the scheme's address is http, but some write https
    return value.replace("https://cv.iptc.org/", "http://cv.iptc.org/", 1).removeprefix(DIGITAL_SOURCE_TYPES)


def stronger(own: str | None, source: str | None) -> str | None:
    """Return the mark of a picture made of a source: `own`, unless the source says that more of it is synthetic.

    `own` is the term for what was done here, `source` the one that the photo came with; either may be None.
    """
    if source not in _SYNTHETIC:
        return own
    if own not in _SYNTHETIC:
        return source
    return max(own, source, key=_SYNTHETIC.index)
