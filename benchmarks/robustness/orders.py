"""One order of many pictures through every death, and whether everything about it agrees.

    python benchmarks/robustness/orders.py [--photos 20] [--variants 3] [--presets 4] [--embedded]

Starts PostgreSQL, Valkey and an S3 server (--embedded: SQLite, Valkey and a directory), an API, two workers with
trivial networks and a sweep. It asks for the price, sends the order twice at once, and kills a worker by SIGKILL and
empties the queue in the middle. The last two photos fail. Then balance, ledger, refunds, counts, ZIP, contact sheet,
webhook and audit must agree. Exits with status 1 and the findings if they don't.
"""

import argparse
import hashlib
import io
import json
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from PIL import Image
from redis import Redis

from benchmarks.figures import Measured, add_record_option, recorder_of
from service.accounts.clients import Accounts
from service.database.engine import create_engine
from service.database.tables import jobs
from service.storage.expiry import build_expirer
from service.webhooks.endpoints import Webhooks
from tests.support.storm import installation, verdict
from tests.support.storm.callers import upload
from tests.support.storm.fleet import Fleet
from tests.support.storm.photos import bad, good
from tests.support.storm.receiver import Receiver, receiving

#: Places without a scene, at a small size: the workers' networks paint no background.
PRESETS = ("google_merchant", "tiktok_shop_main", "walmart_main", "amazon_main")
SETTINGS: dict[str, Any] = {"lease": 4.0, "sweep_every": 0.5, "resend_after": 2.0, "stop_grace": 6.0}
CREDITS, SIDE = 100_000, 320


def main() -> int:
    """Run the order, print what came of it, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--photos", type=int, default=20, help="photos, of which the last two fail; default: 20")
    arguments.add_argument("--variants", type=int, default=3)
    arguments.add_argument("--presets", type=int, default=4, choices=range(1, len(PRESETS) + 1))
    arguments.add_argument("--embedded", action="store_true", help="use SQLite and a directory")
    add_record_option(arguments)
    options = arguments.parse_args()
    recorder = recorder_of(arguments, options)
    install = installation.embedded if options.embedded else installation.production
    with (
        tempfile.TemporaryDirectory(prefix="backdrop-order-") as home,
        receiving() as receiver,
        install(Path(home), **SETTINGS, webhook_allow_private=True) as made,
        Fleet(made.settings, Path(home) / "logs") as fleet,
    ):
        run = Run(made, fleet, receiver, options)
        findings = list(run.findings())
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings." if findings else "Balance, refunds, ZIP, sheet, webhook and audit agree.")
    if recorder:
        recorder.write("robustness", run.recorded(len(findings)))
    return 1 if findings else 0


class Run:
    """One order, from its price to its end."""

    def __init__(
        self, made: installation.Installation, fleet: Fleet, receiver: Receiver, options: argparse.Namespace
    ) -> None:
        self._made, self._fleet, self._receiver = made, fleet, receiver
        self._engine = create_engine(made.settings.sqlalchemy_url)
        client, key = Accounts(self._engine).add("shop", credits=CREDITS)
        Webhooks(self._engine, allow_private=True).register(client.name, receiver.url)
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=fleet.api(), headers=headers, timeout=120)
        for _ in range(2):
            fleet.worker()
        fleet.sweep()
        self._until(self._ready)
        plain = httpx.Client(timeout=60)  # S3 refuses a signed upload with another Authorization
        put = partial(upload, plain, str(self._http.base_url).rstrip("/"), headers)
        broken = [bad()["image_truncated"], bad()["no_subject"]]
        photos = [put(good(number)) for number in range(options.photos - 2)] + [put(one) for one in broken]
        body: dict[str, Any] = {
            "photos": [{"source_image_s3_key": key} for key in photos],
            "scene_type": "white",
            "mood": "calm",
        }
        # Without a scene, only such an option makes the variants' pictures differ, so that each is a job of its own.
        looks = [{"options": {"quality": 80 + number}} for number in range(options.variants)]
        body |= {"variants": looks, "presets": list(PRESETS[: options.presets]), "reference": "acceptance"}
        body["options"] = {"width": SIDE, "height": SIDE}
        self.pictures = options.photos * options.variants * options.presets
        self.lost = 2 * options.variants * options.presets
        self.plan = self._http.post("/v1/orders?dry_run=true", json=body).raise_for_status().json()
        began = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            twice = list(pool.map(lambda _: self._sent(body), range(2)))
        self.submit = time.monotonic() - began
        self.order_ids = {one["order_id"] for one in twice}
        self.path = f"/v1/orders/{twice[0]['order_id']}"
        self._until(lambda: self._done() >= self.pictures // 4)
        worker = next(one for one in fleet.members if one.name == "worker-1").process
        assert worker is not None
        worker.kill()
        self._until(lambda: self._done() >= self.pictures // 2)
        with Redis.from_url(made.settings.queue_url) as queue:
            queue.flushall()
        self._until(lambda: self._order()["completed_at"] is not None)
        self.took = time.monotonic() - began
        self._until(lambda: receiver.received)

    def _ready(self) -> bool:
        try:
            return self._http.get("/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def _sent(self, body: dict[str, Any]) -> Any:
        while True:
            answer = self._http.post("/v1/orders", json=body, headers={"Idempotency-Key": "acceptance"})
            if answer.status_code != 409:  # the other is still in flight
                return answer.raise_for_status().json()
            time.sleep(0.5)

    def _order(self, cursor: str | None = None) -> Any:
        query = {"limit": 100} | ({} if cursor is None else {"cursor": cursor})
        return self._http.get(self.path, params=query).raise_for_status().json()

    def _done(self) -> int:
        counts = self._order()["counts"]
        return int(counts["succeeded"] + counts["failed"])

    def _until(self, reached: Any) -> None:
        end = time.monotonic() + 1800
        while not reached():
            assert time.monotonic() < end, "it took too long"
            self._fleet.tend()
            time.sleep(0.1)

    def findings(self) -> Iterator[str]:
        """Yield a sentence for each thing that does not agree."""
        self._fleet.stop("worker")
        # A killed attempt may have stored its picture. The sweep deletes it once the attempt has surely ended.
        replace(build_expirer(self._made.settings), attempt_ends=0.0, delete_delay=0.0).run_once()
        order, made = self._order(), self.pictures - self.lost
        price = self.plan["credits_cost"] // self.pictures
        pages, items = order, list(order["items"])
        while pages["next_cursor"]:
            pages = self._order(pages["next_cursor"])
            items += pages["items"]
        said = {name: order[name] for name in ("status", "pictures", "credits_cost", "credits_refunded", "progress")}
        counts = {"not_started": 0, "in_progress": 0, "succeeded": made, "failed": self.lost, "cancelled": 0}
        with self._engine.connect() as connection:
            attempts = connection.execute(sa.select(sa.func.max(jobs.c.attempt))).scalar_one()
        entries = Counter[str]()
        credits: dict[str, Any] = {"next_cursor": ""}
        while (cursor := credits["next_cursor"]) is not None:
            credits = self._http.get("/v1/credits", params={"cursor": cursor} if cursor else {}).json()
            entries.update(entry["kind"] for entry in credits["entries"])
        archive = zipfile.ZipFile(io.BytesIO(self._http.get(f"{self.path}/archive").content))
        rows = json.loads(archive.read("manifest.json"))["pictures"]
        files = [row for row in rows if row["file"]]
        wrong = [row["file"] for row in files if hashlib.sha256(archive.read(row["file"])).hexdigest() != row["sha256"]]
        sheet = Image.open(io.BytesIO(self._http.get(f"{self.path}/sheet").content))
        messages = {one.id: json.loads(one.body) for one in self._receiver.received}
        sent = [(one["type"], one["data"]["status"], one["data"]["counts"]) for one in messages.values()]
        paid = CREDITS - price * made
        checks = {
            "one order of two submits": (len(self.order_ids), 1),
            "price before": (self.plan["pictures"], self.pictures),
            "order": (
                said,
                {
                    "status": "PARTIAL",
                    "pictures": self.pictures,
                    "credits_cost": self.plan["credits_cost"],
                    "credits_refunded": price * self.lost,
                    "progress": 1.0,
                },
            ),
            "counts": (order["counts"], counts),
            "pictures listed": (len({one["job_id"] for one in items}), self.pictures),
            "codes": ({one["error"]["code"] for one in items if one["error"]}, {"image_truncated", "no_subject"}),
            "ledger": (dict(entries), {"grant": 1, "debit": self.pictures, "refund": self.lost}),
            "balance": (credits["balance"], paid),
            "files of the ZIP": (len(archive.namelist()), made + 1),
            "rows of its manifest": ((len(rows), len(files), wrong), (self.pictures, made, [])),
            "contact sheet": (sheet.format, "WEBP"),
            "messages": (sent, [("order.completed", "PARTIAL", counts)]),
            "a second attempt after the kill": (attempts >= 2, True),
            "audit": (verdict.audited(self._engine, self._made.settings), []),
        }
        print(f"{self.pictures} pictures, submit {self.submit:.2f} s, all over after {self.took:.1f} s")
        for name, (found, expected) in checks.items():
            print(f"  {name}: {found}")
            if found != expected:
                yield f"{name}: found {found}, expected {expected}"

    def recorded(self, broken: int) -> Iterator[Measured]:
        """Yield the figures of the order."""
        yield Measured(
            "order-broken", "Findings about an order with a killed worker", broken, "findings", bar="at most 0"
        )
        yield Measured("order-submit", f"Time to accept {self.pictures} pictures, sent twice at once", self.submit, "s")


if __name__ == "__main__":
    sys.exit(main())
