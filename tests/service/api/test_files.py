"""Signed downloads of the directory store: ranges of a file's bytes."""

import hashlib
from urllib.parse import urlsplit

import httpx
import pytest

from service.storage.buckets import open_buckets
from tests.support.caller import Caller, assert_problem

DATA = bytes(range(256)) * 5000  # more than one block
SIZE = len(DATA)


@pytest.fixture
def url(caller: Caller) -> str:
    renders = open_buckets(caller.settings)[1]
    renders.put("renders/ranges.png", DATA, "image/png")
    parts = urlsplit(renders.download_url("renders/ranges.png", "image/png", "").url)
    return f"{parts.path}?{parts.query}"


def get(caller: Caller, url: str, **headers: str) -> httpx.Response:
    answer = caller.http.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert isinstance(answer, httpx.Response)
    return answer


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=1000-1200999", 1000, 1_200_999),
        ("bytes=100-", 100, SIZE - 1),
        ("bytes=-7", SIZE - 7, SIZE - 1),
        ("bytes=5-99999999", 5, SIZE - 1),
        ("bytes=-99999999", 0, SIZE - 1),
    ],
)
def test_a_range_returns_these_bytes_alone(caller: Caller, url: str, asked: str, first: int, last: int) -> None:
    answer = get(caller, url, range=asked)

    assert (answer.status_code, answer.headers["content-range"]) == (206, f"bytes {first}-{last}/{SIZE}")
    assert answer.content == DATA[first : last + 1]
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize("asked", ["", "bytes=", "bytes=-", "bytes=9-3", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b"])
def test_anything_but_a_single_range_returns_the_whole_file(caller: Caller, url: str, asked: str) -> None:
    answer = get(caller, url, range=asked)

    assert (answer.status_code, answer.content) == (200, DATA)
    assert (answer.headers["accept-ranges"], "content-range" in answer.headers) == ("bytes", False)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=99999999-100000000", "bytes=-0"])
def test_a_range_outside_the_file_reports_its_length(caller: Caller, url: str, asked: str) -> None:
    answer = get(caller, url, range=asked)

    assert_problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


def test_a_download_resumes_where_the_file_is_the_same_and_restarts_where_it_is_not(caller: Caller, url: str) -> None:
    etag = get(caller, url).headers["etag"]

    assert get(caller, url, range="bytes=10-", if_range=etag).content == DATA[10:]
    open_buckets(caller.settings)[1].put("renders/ranges.png", DATA[::-1], "image/png")
    assert get(caller, url, range="bytes=10-", if_range=etag).content == DATA[::-1]


def test_a_head_describes_the_file_whose_etag_is_its_sha256(caller: Caller, url: str) -> None:
    answer = caller.http.head(url, headers={"Range": "bytes=0-9"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == f'"{hashlib.sha256(DATA).hexdigest()}"' == get(caller, url).headers["etag"]
    assert (answer.headers["content-length"], answer.headers["accept-ranges"]) == (str(SIZE), "bytes")
