"""The machine-readable mark that says how a picture came to be: IPTC's DigitalSourceType in an XMP packet."""

import re

#: IPTC NewsCodes, scheme digitalsourcetype; a term is appended.
DIGITAL_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

# id and wrapper of XMP specification part 1 (ISO 16684-1), section 7.3.2; the id is the same in every packet.
# Iptc4xmpExt: IPTC Photo Metadata Standard 2021.1, "Digital Source Type".
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" \
Iptc4xmpExt:DigitalSourceType="{uri}"/></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
_ATTRIBUTE = re.compile(r"Iptc4xmpExt:DigitalSourceType\s*=\s*[\"']([^\"']*)[\"']")
_ELEMENT = re.compile(r"<Iptc4xmpExt:DigitalSourceType[^>]*>\s*([^<]*?)\s*</")


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
    found = _ATTRIBUTE.search(text) or _ELEMENT.search(text)
    return found.group(1).strip().removeprefix(DIGITAL_SOURCE_TYPES) if found else None
