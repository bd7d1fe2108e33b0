"""Downloads by the Python client: damaged bytes, and expired addresses."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from backdrop_client import Backdrop, DownloadCorrupt
from tests.support.storm.photos import good
from tests.support.unreliable_network import FaultyProxy, cut, lose, refuse, spoil
from tests.system.client.conftest import SPEC


@pytest.mark.parametrize("fault", [spoil, cut, lose, refuse(503)], ids=["spoilt", "cut", "lost", "busy"])
def test_damaged_bytes_are_downloaded_again(unlucky: Backdrop, proxy: FaultyProxy, tmp_path: Path, fault: Any) -> None:
    proxy.fault("GET", "/v1/files/", fault, times=2)

    render = unlucky.swap_file(good(), tmp_path / "out.png", SPEC)

    assert hashlib.sha256((tmp_path / "out.png").read_bytes()).hexdigest() == render.sha256
    assert len(proxy.paths("GET", "/v1/files/")) == 3
    assert all("authorization" not in one.headers for one in proxy.paths("GET", "/v1/files/"))


def test_bytes_that_stay_damaged_leave_the_old_file(unlucky: Backdrop, proxy: FaultyProxy, tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    output.write_bytes(b"of yesterday")
    proxy.fault("GET", "/v1/files/", spoil, times=9)

    with pytest.raises(DownloadCorrupt, match="SHA-256"):
        unlucky.swap_file(good(), output, SPEC)

    assert output.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [output]


def test_an_expired_download_url_is_renewed(backdrop: Backdrop, tmp_path: Path) -> None:
    render = backdrop.wait(backdrop.swap(SPEC, source_key=backdrop.upload(good()))).expect_render()
    stale = replace(render, url=re.sub(r"expires=\d+", "expires=1", render.url))
    assert httpx.get(stale.url, timeout=300).status_code == 403

    backdrop.download(stale, tmp_path / "out.png")

    assert (tmp_path / "out.png").stat().st_size == render.bytes


def test_a_zip_is_asked_for_again_when_all_places_are_taken(
    unlucky: Backdrop, proxy: FaultyProxy, tmp_path: Path
) -> None:
    proxy.fault("GET", "/v1/data", refuse(429), times=2)

    unlucky.export_data(tmp_path / "data.zip")

    assert len(proxy.paths("GET", "/v1/data")) == 3
    assert list(tmp_path.iterdir()) == [tmp_path / "data.zip"]
