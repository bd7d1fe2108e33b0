"""SVG logos: plain shapes pass, and whatever could read, run or grow is refused with its reason."""

import pytest

from pipeline.core.errors import ImageUnreadable
from pipeline.photo.vector import check_svg, is_svg

_NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(body: str, attributes: str = 'viewBox="0 0 10 10"') -> bytes:
    return f"<svg {_NAMES} {attributes}>{body}</svg>".encode()


#: A logo as editors export it: a comment, their own names, a gradient by a class, a small picture.
LOGO = b"<?xml version='1.0' encoding='UTF-8'?><!-- made by hand -->" + svg(
    '<g xmlns:i="http://www.inkscape.org/namespaces/inkscape" i:file="C:\\logo.svg"/><metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></metadata>'
    "<style>.a{fill:url(#g)}</style><defs><linearGradient id='g'><stop stop-color='#c33'/></linearGradient>"
    "<g id='leaf'><path class='a' d='M0 0L10 0L5 10Z'/></g></defs><use xlink:href='#leaf'/>"
    "<image width='1' height='1' href='data:image/png;base64,iVBORw0KGgo='/>"
)

USES = '<g id="a{0}"><use href="#a{1}"/><use href="#a{1}"/></g>'
ATTACKS = {
    "billion laughs": (b'<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + svg("&b;"), "document type"),
    "external entity": (b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + svg("&x;"), "document type"),
    "file": (svg('<image href="file:///etc/passwd"/>'), "outside the file"),
    "url": (svg('<image xlink:href="http://169.254.169.254/"/>'), "outside the file"),
    "SVG within": (svg('<image href="data:image/svg+xml;base64,PHN2Zy8+"/>'), "small PNG or JPEG"),
    "other file's shape": (svg('<use href="other.svg#a"/>'), "outside the file"),
    "import": (svg("<style>@import url(http://x);</style>"), "@ rule"),
    "escaped url": (svg("<style>path{fill:\\75rl(http://x)}</style>"), "escape"),
    "url in a style": (svg('<path style="fill:URL(http://x#a)"/>'), "outside the file"),
    "url over two lines": (svg('<path fill="url(&#10;http://x#a)"/>'), "outside the file"),
    "mask for all": (svg('<mask id="m"><path/></mask><style>path{mask:url(#m)}</style>'), "style sheet"),
    "script": (svg("<script>alert(1)</script>"), "<script>"),
    "event": (svg('<path onload="x()"/>'), "onload"),
    "page within": (svg("<foreignObject/>"), "<foreignObject>"),
    "font": (svg("<text>a</text>"), "<text>"),
    "filter": (svg('<filter id="f"/>'), "<filter>"),
    "XInclude": (svg('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'), "<include>"),
    "style sheet": (b'<?xml-stylesheet href="http://x"?>' + svg(""), "processing instruction"),
    "base": (svg('<g xml:base="http://x"/>'), "base"),
    "huge side": (svg("", 'width="1e9" height="1"'), "width above"),
    "huge viewBox": (svg("", 'viewBox="0 0 1e300 1"'), "viewBox above"),
    "deep": (svg("<g>" * 40 + "</g>" * 40), "within one another"),
    "many": (svg("<path/>" * 3000), "more than 2,000 elements"),
    "uses of uses": (svg("".join(USES.format(i, i + 1) for i in range(20))), "16 uses"),
    "masks of masks": (svg('<g mask="url(#m)"/>' * 20), "16 uses"),
    "heavy": (svg(" " * 300_000), "limit"),
    "broken": (b"<svg", "not valid XML"),
    "UTF-16": (svg("").decode().encode("utf-16"), "UTF-8"),
    "page": (b'<html xmlns="http://www.w3.org/1999/xhtml"/>', "begins with"),
}


def test_a_plain_logo_passes() -> None:
    assert is_svg(LOGO)
    check_svg(LOGO)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_with_its_reason_and_the_remedy(name: str) -> None:
    data, reason = ATTACKS[name]

    with pytest.raises(ImageUnreadable, match="or send a PNG") as refused:
        check_svg(data)

    assert reason in str(refused.value)
