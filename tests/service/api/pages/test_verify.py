"""The public check of a file's marks: the page, strangers' bytes of every kind, and the switch."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from service.api import parts
from service.api.app import create_app
from service.settings import Settings
from service.supervisor.processes import HostBusy
from tests.service.marks.test_verify import signed
from tests.support.databases import migrated_engine

LIMIT = 200_000


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(
        home=tmp_path_factory.mktemp("verify"), queue_url="redis://127.0.0.1:9/0", max_photo_bytes=LIMIT
    )
    migrated_engine(settings).dispose()
    return settings


@pytest.fixture(scope="module")
def public(settings: Settings) -> Iterator[Any]:
    with TestClient(create_app(settings)) as http:
        yield http


def test_the_page_loads_only_files_of_the_service(public: Any) -> None:
    page = public.get("/verify")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in ("verify.js", "verify.css"):
        assert f'"/studio/verify/{name}"' in page.text
        assert public.get(f"/studio/verify/{name}").status_code == 200


def test_anyone_may_check_a_file_without_a_key(public: Any) -> None:
    answer = public.post("/v1/verify", content=signed(Settings()))
    assert (answer.status_code, answer.json()["holds"]) == (200, True)
    assert [one["kind"] for one in answer.json()["marks"]] == ["xmp", "c2pa"]


def test_bytes_that_are_no_picture_are_refused(public: Any) -> None:
    answer = public.post("/v1/verify", content=b"%PDF-1.7")
    (fault,) = answer.json()["detail"]
    assert (answer.status_code, fault["loc"], fault["type"]) == (422, ["body"], "not_a_photo")


def test_a_file_without_an_end_is_refused_at_the_limit(public: Any) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while taken < 100 * LIMIT:
            taken += LIMIT
            yield b"\xff" * LIMIT

    answer = public.post("/v1/verify", content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_files_that_stop_arriving_hold_no_place_and_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ARRIVAL", 1)
    arriving = asyncio.Semaphore(0)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"\xff\xd8\xff"
        arriving.release()
        await asyncio.sleep(3600)

    async def send() -> tuple[httpx.Response, list[httpx.Response]]:
        app: Any = create_app(settings)  # httpx and litestar name the types of ASGI differently
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            slow = [asyncio.create_task(http.post("/v1/verify", content=stalled())) for _ in range(9)]
            for _ in slow:
                await arriving.acquire()
            return await http.post("/v1/verify", content=b"%PDF-1.7"), await asyncio.gather(*slow)

    whole, slow = asyncio.run(send())
    assert "PDF" in whole.json()["detail"][0]["msg"], "it has a place"
    assert {answer.status_code for answer in slow} == {408}
    assert "took over 1 s to arrive" in slow[0].json()["detail"]


def test_a_busy_host_asks_to_try_again(settings: Settings) -> None:
    def check(_data: bytes | bytearray) -> Any:
        raise HostBusy

    with TestClient(create_app(settings)) as http:
        http.app.state.check_apart = check
        answer = http.post("/v1/verify", content=b"x")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (429, "too_many_checks", "2")


def test_with_the_page_off_there_are_no_such_routes(settings: Settings) -> None:
    with TestClient(create_app(settings.model_copy(update={"verify_page": False}))) as http:
        assert [http.get("/verify").status_code, http.post("/v1/verify", content=b"x").status_code] == [404, 404]
        assert "/v1/verify" not in http.get("/schema/openapi.json").json()["paths"]
