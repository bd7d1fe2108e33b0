"""Every setting of Backdrop. No other module reads the environment.

Each setting is an environment variable `BACKDROP_<NAME>`. `DATABASE_URL`, `REDIS_URL` and `VALKEY_URL` also work.
boto3 reads the S3 credentials and region itself (`AWS_ACCESS_KEY_ID` and so on).
"""

import base64
import binascii
import contextlib
import difflib
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.core.spec import Limits

#: The studio page's thumbnails of the catalogue that ships, which `scripts/thumbnails.py` makes.
SHIPPED_THUMBNAILS = Path(__file__).resolve().parent / "thumbnails"
RENDERER_CHECKPOINT = Path(__file__).resolve().parent.parent / "models" / "renderer" / "checkpoint"
VIEWPOINT_CHECKPOINT = Path(__file__).resolve().parent.parent / "models" / "viewpoint" / "checkpoint"
#: The beginnings that Backdrop accepts for the URL of a setting.
_SCHEMES = {
    "database_url": ("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://"),
    "queue_url": ("redis://", "rediss://", "unix://"),
    **dict.fromkeys(("s3_endpoint_url", "s3_public_endpoint_url", "otlp_endpoint"), ("http://", "https://")),
}


class Settings(BaseSettings):
    """Everything that can differ between two installations. Frozen. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="BACKDROP_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # a wrong value may be a password or a key, and errors reach the log
    )

    #: Folder of the embedded default: database, objects, queue and secrets. Set it to keep the state elsewhere.
    home: Path = Path(".backdrop")
    #: SQLAlchemy URL of the database. Default: SQLite under `home`. `postgresql://` uses psycopg.
    database_url: str = Field("", validation_alias=AliasChoices("BACKDROP_DATABASE_URL", "DATABASE_URL"))
    #: PostgreSQL connections that each pool of a process keeps open. An API has two pools, a worker three, a sweep
    #: five. Lower it if the server runs out of connections.
    database_pool: int = Field(5, ge=1, le=1000)
    #: PostgreSQL connections that each pool may open above `database_pool` under load.
    database_overflow: int = Field(10, ge=0, le=1000)
    #: Number of runs after which psycopg prepares a statement on PostgreSQL's side. 0: never. Default: 5, or never
    #: behind a pooler such as PgBouncer, which Backdrop detects.
    prepare_threshold: int | None = Field(None, ge=0)
    #: URL of Redis or Valkey. If it is empty, `backdrop up` starts a server of its own.
    queue_url: str = Field("", validation_alias=AliasChoices("BACKDROP_QUEUE_URL", "VALKEY_URL", "REDIS_URL"))

    #: Where Backdrop keeps photos and renders: in a directory under `home`, or in two S3 buckets. Use `s3` if processes
    #: run on several machines.
    store: Literal["directory", "s3"] = "directory"
    #: S3 bucket of the photos.
    s3_source_bucket: str = "backdrop-sources"
    #: S3 bucket of the renders.
    s3_render_bucket: str = "backdrop-renders"
    #: Endpoint URL of an S3 server other than AWS.
    s3_endpoint_url: str | None = None
    #: Endpoint URL of the same server as callers reach it, for presigned URLs. Default: `s3_endpoint_url`.
    s3_public_endpoint_url: str | None = None
    #: Base URL of the API as callers reach it. Default: the host of the request. Set it behind a proxy.
    public_url: str | None = None
    #: Host names, separated by commas, that requests may use for the API. They matter only without `public_url` and
    #: with the directory store, because Backdrop then makes its links from the request's host. Always allowed:
    #: localhost, `host` and the address that the request reached.
    trusted_hosts: str = ""
    #: Secret that signs the directory store's upload and download URLs. Default: generated once and kept under `home`.
    signing_key: str = ""
    #: Fernet keys, separated by commas, that encrypt clients' signing secrets in the database. `backdrop secrets
    #: new-key` makes one. The first key encrypts, and all of them decrypt. If it is empty, the embedded database uses a
    #: key that is generated once and kept under `home`. Any other database then stores these secrets as plain text.
    encryption_keys: str = ""
    #: Seconds for which an upload or download URL works.
    url_ttl: int = 900

    #: Address that the API listens on. Use 0.0.0.0 in a container.
    host: str = "127.0.0.1"
    #: Port that the API listens on.
    port: int = 8000
    #: Open connections that each API process accepts from one address. 0: no limit. Use 0 behind a reverse proxy, where
    #: every connection has the proxy's address, and set a limit in the proxy.
    peer_connections: int = Field(256, ge=0)
    #: Port on which a process answers health probes and Prometheus. Not set: none. 0 takes a free port, for tests. With
    #: `backdrop up` the API gets this port, and the worker and the sweep get the next two.
    metrics_port: int | None = Field(None, ge=0, le=65535)
    #: Address that `metrics_port` listens on. Use 0.0.0.0 in a container, because probes and scrapes come from outside.
    metrics_host: str = "127.0.0.1"
    #: Lowest level of the lines in the log.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: Format of the log: "text" for people, or "json" with one object a line.
    log_format: Literal["text", "json"] = "text"
    #: Base URL of an OpenTelemetry collector for OTLP over HTTP, for example http://collector:4318. Empty: no traces.
    otlp_endpoint: str = Field(
        "", validation_alias=AliasChoices("BACKDROP_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    #: Share of requests that Backdrop traces, from 0 to 1, unless the caller has already decided.
    trace_share: float = Field(1.0, ge=0, le=1)
    #: Largest body of an API request, in bytes.
    max_body_bytes: int = 64 * 1024
    #: Largest photo, in bytes.
    max_photo_bytes: int = Limits().max_bytes
    #: Largest photo, in pixels. Decoding a larger photo takes more memory.
    max_photo_pixels: int = Limits().max_pixels

    #: Kinds of work that a worker takes, separated by commas. Each kind needs at least one worker.
    worker_takes: str = "previews,cutouts,swaps"
    #: Jobs that one worker runs at once. Default: by cores and device, 1 on a machine with one core.
    jobs_in_flight: int | None = Field(None, ge=1, le=32)
    #: Most pictures that the generator paints in one call. Default: 4 on CUDA, 1 elsewhere.
    batch_size: int | None = Field(None, ge=1, le=32)
    #: Seconds for which the generator waits for more pictures that fit into the same call.
    batch_wait: float = Field(0.005, ge=0, le=1)
    #: Seconds without a sign of life from a worker after which another worker takes its job.
    lease: float = 20.0
    #: Most attempts at a job, however its workers die.
    max_attempts: int = 3
    #: Seconds after which a running job fails. Backdrop refunds it.
    time_limit: float = 300.0
    #: Seconds after which a job that no worker started fails. Backdrop refunds it.
    max_wait: float = 24 * 3600.0
    #: Seconds after which Backdrop sends the queue message of an unstarted job again. It does so only if the queue has
    #: fewer messages than there are waiting jobs.
    resend_after: float = 15.0
    #: Seconds between two rounds of the sweep, which resends queue messages and sends webhooks.
    sweep_every: float = 2.0
    #: Seconds for which an Idempotency-Key returns its first answer. After that it is free for another request. The
    #: default equals the retention of photos, so that resuming a batch weeks later charges nothing twice.
    idempotency_ttl: float = Field(30 * 86_400.0, gt=0)
    #: Submits that one client may send in `submit_window` seconds, refused submits included. 0: no limit.
    submit_rate: int = Field(300, ge=0)
    #: Length in seconds of the window for `submit_rate`. It starts with the client's first submit.
    submit_window: int = Field(60, ge=1)
    #: Uploads of photos that one client may send in `submit_window` seconds, refused ones included. 0: no limit.
    upload_rate: int = Field(600, ge=0)
    #: Bytes of photos that one client may have stored. 0: no limit. Photos expire after `source_days`.
    stored_photos: int = Field(20 * 2**30, ge=0)
    #: The same for a sandbox, whose pictures nobody pays for.
    sandbox_stored_photos: int = Field(2**30, ge=0)
    #: Whether clients may request previews, which are free, small (512 pixels) and watermarked.
    previews: bool = True
    #: Previews that one client may request in `submit_window` seconds, counted apart from submits. 0: no limit.
    preview_rate: int = Field(30, ge=0)
    #: Hours for which Backdrop keeps a preview.
    preview_hours: float = Field(1.0, gt=0)
    #: Most pictures of one order. An order counts like its distinct pictures for the next two limits, which may lower
    #: this one.
    order_pictures: int = Field(2000, ge=1, le=20_000)
    #: Unfinished jobs that one client may have. 0: no limit. The default has room for the largest order.
    unfinished_limit: int = Field(2000, ge=0)
    #: Waiting jobs of one kind, of all clients together. 0: no limit. One worker does about 5000 in half a day. A
    #: client may have at most as many of these jobs as there are free places, so that other clients always find room.
    queue_limit: int = Field(5000, ge=0)
    #: Event streams that one client may keep open at each API process. 0: no limit.
    stream_limit: int = Field(100, ge=0)
    #: Seconds after which a stream ends and its client connects again. Backdrop then notices a revoked key.
    stream_seconds: float = Field(3600.0, gt=0)
    #: Seconds between heartbeats on a stream without events.
    stream_heartbeat: float = Field(15.0, gt=0)
    #: Most seconds that a submit waits for its job to end, if the caller prefers to wait. 0: it never waits.
    prefer_wait: int = Field(30, ge=0)
    #: Seconds that a worker has to hand back its jobs after a stop signal.
    stop_grace: float = 20.0
    #: Seconds for which an API keeps answering after SIGTERM, while /health/ready reports that it stops. Set it longer
    #: than your load balancer needs to notice. 0: it stops accepting connections immediately.
    shutdown_delay: float = Field(0.0, ge=0)

    #: Days for which Backdrop keeps a photo after its last submit. 0: for ever. A month covers the jobs that one photo
    #: usually gets, and callers may not want their photos stored for longer.
    source_days: float = Field(30.0, ge=0)
    #: Days for which Backdrop keeps a render. 0: for ever, because callers paid for it.
    render_days: float = Field(0.0, ge=0)
    #: Days for which Backdrop keeps a cut-out after a job last used it, never longer than photos. 0: it keeps none.
    cutout_days: float = Field(30.0, ge=0)
    #: Days for which Backdrop keeps a pinned background after a job last used it. 0: it keeps none.
    background_days: float = Field(90.0, ge=0)
    #: Days after which Backdrop deletes an object without a database row, for example after restoring a dump. 0: never.
    orphan_days: float = Field(30.0, ge=0)
    #: Seconds between two searches for expired objects.
    expire_every: float = 60.0

    #: Most seconds for fetching a photo from a client's URL, with all redirects, until the photo's last byte.
    fetch_timeout: float = Field(20.0, gt=0)
    #: Whether photos may come from private addresses. For development only.
    fetch_allow_private: bool = False
    #: Most seconds for one attempt to deliver a webhook, the receiver's answer included.
    webhook_timeout: float = Field(20.0, gt=0)
    #: Days after which Backdrop deletes a webhook message that was delivered, dropped or failed.
    webhook_keep_days: float = Field(30.0, ge=0)
    #: Whether webhooks may use http and private addresses. For development only.
    webhook_allow_private: bool = False

    #: Network that cuts out the product: the name of a rembg model, or onnx:PATH for an ONNX file of your own
    #: (`docs/guides/engineers/networks.md`). `backdrop models fetch` downloads u2net and u2netp, `backdrop models add`
    #: others. The smaller u2netp is 2.6 times as fast as u2net and wrong more often.
    segmenter: str = "u2net"
    #: Second rembg model, which also segments each photo if `segmenter` is u2net. It takes 0.2 s of CPU time a photo.
    #: Empty or "-": none.
    second_segmenter: str = "u2netp"
    #: Folder of the network that detects products photographed from above. It takes 0.07 s of CPU time a photo. Empty
    #: or "-": none, and Backdrop decides by the silhouette.
    viewpoint: str = str(VIEWPOINT_CHECKPOINT)
    #: Folder of the downloaded weights. By default it is in the virtual environment, and is removed with it.
    weights: Path = Path(sys.prefix) / "share" / "backdrop" / "weights"
    #: Folder of the studio page's thumbnails of your own catalogue, which `backdrop thumbnails` makes.
    thumbnails: Path = Path(sys.prefix) / "share" / "backdrop" / "thumbnails"
    #: Folder of compiled kernels (`backdrop kernels`) and compiled network graphs (`backdrop models fetch`). If
    #: something is missing, for example on another processor, a process compiles it once and keeps it in the user's
    #: cache.
    kernels: Path = Path(sys.prefix) / "share" / "backdrop" / "kernels"
    #: Model that paints backgrounds: a diffusers folder, a hub id, or "hub id@revision". Default: the network that
    #: ships with Backdrop. A generator is required, so "-" is refused.
    generator: str = str(RENDERER_CHECKPOINT)
    #: Depth ControlNet that makes a hub model follow the scene's depth (`models.hub.controlnet`). A folder, a hub id or
    #: "hub id@revision". Not set or "-": none.
    controlnet: str | None = None
    #: Strength of `controlnet`. 1 is the strength it was trained with. Default: its pipeline's own.
    control_scale: float | None = Field(None, ge=0, le=2)
    #: Parts of a hub model that wait in the host's memory while unused. "text": text encoders. "model": whole networks.
    #: "sequential": each layer, which is slow. It needs a GPU. Use it if GPU memory is short.
    offload: Literal["none", "text", "model", "sequential"] = "none"
    #: Whether torch.compile compiles the repeated blocks of a hub model's network on their first run.
    compile: bool = False
    #: Whether a worker runs a hub model before its first job. Default: on CUDA only.
    warm_up: bool | None = None
    #: Whether a hub model's autoencoder works tile by tile. This takes less memory and more time.
    vae_tiling: bool = False
    #: Variant of a hub model's files, for example "fp16". Not set or "-": the plain files.
    generator_variant: str | None = None
    #: Name of a diffusers pipeline class. Not set or "-": the class that the model's folder names.
    generator_class: str | None = None
    #: Family of a hub model, by its name in `models/hub/families.toml`. Not set or "-": the family in its own config.
    #: Set it if `backdrop doctor --generator` warns that the family is unclear.
    generator_family: str | None = None
    #: Most paintings that a hub model makes of one background, each with its own seed. Backdrop rejects paintings in
    #: which the product grew, and those that the model's safety checker withholds.
    generator_paintings: int = Field(2, ge=1, le=8)
    #: Behaviour if Backdrop rejects all paintings. "own": it delivers a background of its own renderer, with the
    #: warning generator_fell_back. "fail": the job fails with generator_rejected, and Backdrop refunds it.
    generator_fallback: Literal["own", "fail"] = "own"
    #: Device of the networks. "auto" uses CUDA or MPS if torch finds it.
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    #: Number format of the generator's weights. "auto" chooses by model and device.
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    #: Library that runs the networks on a CPU. "auto": OpenVINO on x86-64, with u2net in bfloat16 if the processor
    #: computes in it, which halves its time; onnxruntime elsewhere. "openvino": float32. "openvino-bf16": as "auto".
    #: "torch": the light network as a diffusers pipeline, and the rest as "auto" (`docs/guides/engineers/networks.md`).
    cpu_runtime: Literal["auto", "openvino", "openvino-bf16", "onnxruntime", "torch"] = "auto"
    #: Whether pictures with a generated background name it in their XMP packet (IPTC's DigitalSourceType).
    xmp: bool = True
    #: Whether such pictures have an imperceptible watermark in the background.
    watermark: bool = True
    #: Whether pictures get signed content credentials (C2PA).
    c2pa: bool = True
    #: Whether anyone may check a file's marks at /verify, without a key.
    verify_page: bool = True
    #: PEM file of the certificate, followed by its chain, for signing pictures with content credentials (C2PA). Not
    #: set: the installation's own certificate, which no list trusts.
    c2pa_certificate: Path | None = None
    #: PEM file of the key that belongs to `c2pa_certificate`.
    c2pa_key: Path | None = None
    #: Signature algorithm of `c2pa_key`.
    c2pa_algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = "es256"
    #: URL of an RFC 3161 time-stamping authority. Without it, signatures are valid only as long as the certificate.
    c2pa_timestamp_url: str | None = None
    #: Folder with any of scenes.toml, moods.toml, presets.toml, layers.toml, fonts/ and clients/. Their entries extend
    #: the shipped catalogue, or replace entries of the same name. A process reads it once, at its start.
    catalogue: Path | None = None
    #: Denoising steps of the generator. Default: its family's value (`models/hub/families.toml`), or the model's own.
    steps: int | None = Field(None, ge=1)
    #: How far an image-to-image pipeline may depart from the sketch: near 0 hardly, 1 entirely. Default: as for
    #: `steps`.
    strength: float | None = Field(None, gt=0, le=1)
    #: Guidance scale of the generator. Default: as for `steps`.
    guidance_scale: float | None = Field(None, ge=0)
    #: Side in pixels of a square with the area that the generator paints. Default: as for `steps`.
    generation_size: int | None = Field(None, ge=64)

    @field_validator("home", "weights", "thumbnails", "kernels", "c2pa_certificate", "c2pa_key", "catalogue")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        # Parts that `backdrop up` starts may run in another folder.
        return None if value is None else value.expanduser().absolute()

    @field_validator(
        *("second_segmenter", "viewpoint", "controlnet"),
        *("generator_variant", "generator_class", "generator_family"),
        mode="before",
    )
    @classmethod
    def _dash_is_none(cls, value: object, info: ValidationInfo) -> object:
        # Some deployments treat an empty variable as the default, so "-" means none.
        return value if value != "-" else "" if info.field_name in ("second_segmenter", "viewpoint") else None

    @field_validator("generator", "segmenter")
    @classmethod
    def _is_needed(cls, value: str, info: ValidationInfo) -> str:
        if value in ("", "-"):
            name = f"BACKDROP_{str(info.field_name).upper()}"
            raise ValueError(f"{value!r} means none, but a value is required. Unset {name} to use the default")
        return value

    @field_validator("segmenter")
    @classmethod
    def _absolute_file(cls, value: str) -> str:
        scheme, colon, path = value.partition(":")
        return value if scheme != "onnx" or not colon else f"onnx:{Path(path).expanduser().absolute()}"

    @field_validator(*_SCHEMES)
    @classmethod
    def _has_scheme(cls, value: str | None, info: ValidationInfo) -> str | None:
        schemes = _SCHEMES[str(info.field_name)]
        if value and not value.startswith(schemes):
            raise ValueError(f"it must begin with {' or '.join(schemes)}")  # no value: the URL may contain a password
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _are_keys(cls, value: str) -> str:
        keys = [key.strip() for key in value.split(",") if key.strip()]
        for place, key in enumerate(keys, 1):
            try:
                size = len(base64.urlsafe_b64decode(key))
            except (binascii.Error, ValueError):
                size = 0
            if size != 32:
                raise ValueError(f"key {place} is not a Fernet key. Make one with `backdrop secrets new-key`")
        return ",".join(keys)

    @field_validator("worker_takes")
    @classmethod
    def _are_kinds(cls, value: str) -> str:
        words = [word.strip() for word in value.split(",")]
        for word in words:
            if word not in ("previews", "cutouts", "swaps"):
                raise ValueError(f"{word!r} is not a kind of work. Use previews, cutouts, swaps, separated by commas")
        return ",".join(words)

    @field_validator("orphan_days")
    @classmethod
    def _not_young(cls, value: float) -> float:
        if 0 < value < 1:
            raise ValueError(
                f"{value:g} is less than a day, which would delete objects while they are stored. Use 1 or more, or 0"
            )
        return value

    @field_validator(
        *("submit_rate", "preview_rate", "unfinished_limit", "queue_limit", "stream_limit", "peer_connections"),
        *("upload_rate", "stored_photos", "sandbox_stored_photos"),
        mode="before",
    )
    @classmethod
    def _none_is_no_limit(cls, value: object) -> object:
        # Not None: `environment` leaves settings that are None out, and a child process would use the default.
        return 0 if value is None or value == "" else value

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL with its driver, and with the query that `service.database.engine` reads."""
        url = self.database_url or f"sqlite:///{self.home / 'backdrop.db'}"
        for prefix in ("postgres://", "postgresql://"):
            if url.startswith(prefix):
                url = "postgresql+psycopg://" + url.removeprefix(prefix)
        if url.startswith("sqlite"):
            return url
        names = {"database_pool": "pool_size", "database_overflow": "max_overflow", "prepare_threshold": ""}
        given = [f"{names[name] or name}={getattr(self, name)}" for name in names if name in self.model_fields_set]
        return url + ("&" if "?" in url else "?") + "&".join(given) if given else url

    @property
    def link_hosts(self) -> frozenset[str] | None:
        """Host names that a request may use for the API. None: any, because no link is made from it."""
        if self.public_url or self.store != "directory":
            return None
        given = {name.strip().lower() for name in self.trusted_hosts.split(",") if name.strip()}
        return frozenset({"localhost", "127.0.0.1", "::1", self.host.lower(), *given})

    @property
    def largest_order(self) -> int:
        """Most pictures of an order that the limits of unfinished and waiting jobs can ever let through."""
        half = (self.queue_limit + 1) // 2  # the most of an empty queue that one client may fill
        return min(self.order_pictures, self.unfinished_limit or self.order_pictures, half or self.order_pictures)

    @property
    def own_kernels(self) -> Path:
        """Folder for kernels if Backdrop can't write to `kernels`."""
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(cache) / "backdrop" / "kernels"

    @property
    def limits(self) -> Limits:
        """Size limits of a photo, for the decoder."""
        return Limits(max_bytes=self.max_photo_bytes, max_pixels=self.max_photo_pixels)

    @property
    def photo_age(self) -> float | None:
        """Seconds for which Backdrop keeps a photo after its last use. None: for ever.

        Includes the lifetime of the upload URL, because an upload may arrive until that expires.
        """
        return 86_400.0 * self.source_days + self.url_ttl if self.source_days else None

    @property
    def attempt_ends(self) -> float:
        """Seconds after which an attempt has surely ended, by its time limit or with a lost lease.

        An attempt that lost its lease ends with its upload. The store's time-outs (about two minutes) bound that.
        """
        return max(self.time_limit, 120.0) + self.lease

    def environment(self) -> dict[str, str]:
        """Return a process environment in which a child reads exactly these settings."""
        own = {
            f"BACKDROP_{name.upper()}": str(value)
            for name, value in self.model_dump().items()
            if value is not None and value != ""
        }
        return {**os.environ, **own}

    @property
    def encryption_key_file(self) -> Path:
        """File of the embedded database's key."""
        return self.home / "encryption-key"

    def encryption_key_list(self) -> list[str]:
        """Return the keys of `encryption_keys`, or the embedded database's own key, which the first call makes."""
        if self.encryption_keys:
            return self.encryption_keys.split(",")
        if self.database_url:
            return []
        return [kept_file(self.encryption_key_file, lambda: base64.urlsafe_b64encode(secrets.token_bytes(32))).decode()]

    def signing_secret(self) -> bytes:
        """Return the key that signs URLs of the directory store. The first call makes it."""
        if self.signing_key:
            return self.signing_key.encode()
        return kept_file(self.home / "signing-key", lambda: secrets.token_hex(32).encode())


def kept_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the content of a file that only its owner may read. Make the file first if it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(make())
        # Linked once complete: a process that starts at the same moment reads a whole key, and the first key stays.
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
        new.unlink()
    return path.read_bytes()


class Remote(BaseSettings):
    """The server that the command line's remote commands use: `BACKDROP_URL`, `BACKDROP_KEY` and so on."""

    model_config = SettingsConfigDict(env_prefix="BACKDROP_", frozen=True, extra="ignore")

    #: Base URL, e.g. https://backdrop.example. If it is empty, `backdrop swap` and `backdrop batch` run on this
    #: machine.
    url: str = ""
    #: A client's API key, as `backdrop clients add` printed it.
    key: str = ""


def load_remote(*, url: str | None, key: str | None) -> Remote:
    """Read the environment. Arguments from the command line win if they are not None."""
    given: dict[str, object] = {"url": url, "key": key}
    return Remote(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # checked by pydantic


def unknown_settings() -> Iterator[str]:
    """Yield a sentence for each variable BACKDROP_… that no setting reads, with the most similar setting."""
    # BACKDROP_DEBUG belongs to the command line.
    known = {*(name.upper() for model in (Settings, Remote) for name in model.model_fields), "DEBUG"}
    given = (name.removeprefix("BACKDROP_") for name in sorted(os.environ) if name.startswith("BACKDROP_"))
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"Did you mean BACKDROP_{near[0]}?" if near else "Unset it."
            yield f"BACKDROP_{name} is set, but no setting has that name. {remedy}"


def load_settings(**overrides: object) -> Settings:
    """Read the environment. `overrides` (from the command line) win if they are not None.

    Raises pydantic.ValidationError, which names each wrong setting.
    """
    return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]  # checked by pydantic at run time
