"""The settings, all of them, and the only reader of the environment.

Each is an environment variable `BACKDROP_<NAME>`; `DATABASE_URL`, `REDIS_URL` and `VALKEY_URL` are read as well.
S3 credentials and region come from boto3's own chain (`AWS_ACCESS_KEY_ID` and so on).
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

RENDERER_CHECKPOINT = Path(__file__).resolve().parent.parent / "models" / "renderer" / "checkpoint"
VIEWPOINT_CHECKPOINT = Path(__file__).resolve().parent.parent / "models" / "viewpoint" / "checkpoint"
#: What the URL of a setting may begin with.
_SCHEMES = {
    "database_url": ("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://"),
    "queue_url": ("redis://", "rediss://", "unix://"),
    **dict.fromkeys(("s3_endpoint_url", "s3_public_endpoint_url", "otlp_endpoint"), ("http://", "https://")),
}


class Settings(BaseSettings):
    """Everything that can differ between two installations. Frozen; durations are seconds, sizes bytes."""

    model_config = SettingsConfigDict(
        env_prefix="BACKDROP_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # what is wrong may be a password or a key, and goes into a log
    )

    #: State of the embedded default: database, objects, queue, secret.
    home: Path = Path(".backdrop")
    #: SQLAlchemy URL; default: SQLite under `home`. `postgresql://` means psycopg.
    database_url: str = Field("", validation_alias=AliasChoices("BACKDROP_DATABASE_URL", "DATABASE_URL"))
    #: Connections to PostgreSQL that each pool of a process keeps, and those that it opens on top under load. An API
    #: has two pools, a worker three, a sweep five.
    database_pool: int = Field(5, ge=1, le=1000)
    database_overflow: int = Field(10, ge=0, le=1000)
    #: A statement is prepared on PostgreSQL's side after so many runs, 0: never; default: 5, and never behind a pooler
    #: such as PgBouncer, which is recognised.
    prepare_threshold: int | None = Field(None, ge=0)
    #: Redis or Valkey URL. `backdrop up` starts a server of its own where it is empty.
    queue_url: str = Field("", validation_alias=AliasChoices("BACKDROP_QUEUE_URL", "VALKEY_URL", "REDIS_URL"))

    #: Where photos and renders live: a directory under `home`, or two S3 buckets.
    store: Literal["directory", "s3"] = "directory"
    s3_source_bucket: str = "backdrop-sources"
    s3_render_bucket: str = "backdrop-renders"
    #: Endpoint of an S3 server that is not AWS.
    s3_endpoint_url: str | None = None
    #: The same server as callers reach it, for presigned URLs; default: `s3_endpoint_url`.
    s3_public_endpoint_url: str | None = None
    #: Address of the API as callers reach it; default: what the request says.
    public_url: str | None = None
    #: Names of the API's host, with commas between, that requests may give it where its links are made of what they
    #: say (no `public_url`, the directory store): beside localhost, `host`, and the address that a request came to.
    trusted_hosts: str = ""
    #: Signs upload and download URLs of the directory store; default: made once and kept under `home`.
    signing_key: str = ""
    #: Encrypts what signs for a client in the database: Fernet keys with commas between, as `backdrop secrets new-key`
    #: makes them. The first encrypts, each decrypts. Empty: on the embedded database a key that is made once and kept
    #: under `home`; on any other, secrets lie in the clear.
    encryption_keys: str = ""
    #: How long an upload or download URL is good.
    url_ttl: int = 900

    host: str = "127.0.0.1"
    port: int = 8000
    #: Connections that one address may hold open at each API process. 0: any number, behind a reverse proxy, whose
    #: address all connections have: there the proxy is to bound them.
    peer_connections: int = Field(256, ge=0)
    #: Port of each process for operators: probes and, of Prometheus, scrapes; not set: none. 0 takes a free one, for
    #: tests. `backdrop up` gives it to the API, and the two after it to worker and sweep.
    metrics_port: int | None = Field(None, ge=0, le=65535)
    #: Address that it listens on; 0.0.0.0 in a container, since probes and scrapes come from outside of it.
    metrics_host: str = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: Lines for people, or one JSON object a line.
    log_format: Literal["text", "json"] = "text"
    #: Base URL of an OpenTelemetry collector that takes OTLP over HTTP, http://collector:4318 say; empty: no traces.
    otlp_endpoint: str = Field(
        "", validation_alias=AliasChoices("BACKDROP_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    #: Share of the requests that are traced, where their caller has not decided.
    trace_share: float = Field(1.0, ge=0, le=1)
    max_body_bytes: int = 64 * 1024
    max_photo_bytes: int = Limits().max_bytes
    max_photo_pixels: int = Limits().max_pixels

    #: The kinds of work that a worker takes, with commas between; every kind needs a worker.
    worker_takes: str = "previews,cutouts,swaps"
    #: Jobs that one worker carries at once; default: by cores and device, 1 where there is one core.
    jobs_in_flight: int | None = Field(None, ge=1, le=32)
    #: Pictures that the generator paints in one call, at most; default: 4 on CUDA, 1 elsewhere.
    batch_size: int | None = Field(None, ge=1, le=32)
    #: How long the generator waits for pictures that fit into the same call.
    batch_wait: float = Field(0.005, ge=0, le=1)
    #: A job whose worker is silent this long is given to another.
    lease: float = 20.0
    #: A job is started at most this often, whatever kills its workers.
    max_attempts: int = 3
    #: A job that runs longer than this fails and is refunded.
    time_limit: float = 300.0
    #: A job that nobody started for this long fails and is refunded.
    max_wait: float = 24 * 3600.0
    #: A job sent this long ago and not started is sent again, when fewer messages wait on the queue than jobs.
    resend_after: float = 15.0
    sweep_every: float = 2.0
    #: How long an Idempotency-Key gets its first answer again; then it is free for another request. As long as a photo
    #: is kept: a batch that is resumed weeks later pays nothing twice.
    idempotency_ttl: float = Field(30 * 86_400.0, gt=0)
    #: Submits that one client may send in a window, refused ones included. 0 switches this limit off, as the next two.
    submit_rate: int = Field(300, ge=0)
    #: Length of that window, in seconds; it starts with the client's first submit.
    submit_window: int = Field(60, ge=1)
    #: Whether previews are made at all: free, 512 pixels, a watermark across.
    previews: bool = True
    #: Previews that one client may ask for in such a window; they are counted apart. 0: any number.
    preview_rate: int = Field(30, ge=0)
    #: How long a preview is kept, in hours.
    preview_hours: float = Field(1.0, gt=0)
    #: Jobs of one client that may be unfinished at once.
    unfinished_limit: int = Field(500, ge=0)
    #: Jobs of a kind, of all clients, that may wait at once; one worker does some 5000 in half a day. A client may
    #: have as many of these places as are free: alone a half, so that there is always room for another.
    queue_limit: int = Field(5000, ge=0)
    #: Streams of events that one client may hold open at once, at each API process. 0: any number.
    stream_limit: int = Field(100, ge=0)
    #: A stream ends after so long, and its client connects again: a key that is no longer good is noticed then.
    stream_seconds: float = Field(3600.0, gt=0)
    #: A stream on which nothing happens says that it is there.
    stream_heartbeat: float = Field(15.0, gt=0)
    #: The longest that a submit waits for its job's end when its caller prefers to. 0: it never waits.
    prefer_wait: int = Field(30, ge=0)
    #: How long a worker may take to hand its jobs back when it is told to stop.
    stop_grace: float = 20.0
    #: How long an API that gets SIGTERM goes on answering, while its /health/ready says that it stops: longer than load
    #: balancers that go by that need to notice. 0: it takes no more connections at once.
    shutdown_delay: float = Field(0.0, ge=0)

    #: Days that a photo is kept after it was last submitted, 0: for ever. The caller has the original, and may not
    #: want it to lie here; a month covers what is made of one photo.
    source_days: float = Field(30.0, ge=0)
    #: Days that a render is kept, 0: for ever. It is what the caller paid for: deleting it is the operator's decision.
    render_days: float = Field(0.0, ge=0)
    #: Days that a cut-out is kept after a job last used it, 0: none is kept. Never longer than photos are.
    cutout_days: float = Field(30.0, ge=0)
    #: Days that a pinned background is kept after a job last used it, 0: none is kept.
    background_days: float = Field(90.0, ge=0)
    #: Days after which an object that no row names is deleted, as after a restored dump; 0: never.
    orphan_days: float = Field(30.0, ge=0)
    #: How often what has expired is looked for.
    expire_every: float = 60.0

    #: Fetching a photo from a client's URL may take this long, redirects and the photo's last byte included.
    fetch_timeout: float = Field(20.0, gt=0)
    #: For development only: photos may be fetched from addresses that are not on the public internet.
    fetch_allow_private: bool = False
    #: An attempt to deliver a webhook may take this long, the receiver's answer included.
    webhook_timeout: float = Field(20.0, gt=0)
    #: Messages that ended this many days ago (delivered, failed or dropped) are deleted.
    webhook_keep_days: float = Field(30.0, ge=0)
    #: For development only: webhooks may use http, and reach addresses that are not on the public internet.
    webhook_allow_private: bool = False

    #: Name of a rembg model, or onnx:PATH for an ONNX file of your own (`models/cutout/README.md`); `backdrop
    #: models fetch` brings the weights of u2net, and of u2netp: 38 times smaller, 2.6 times as fast, and wrong more
    #: often.
    segmenter: str = "u2net"
    #: The rembg model that looks at a photo beside `segmenter` where that is u2net, for 0.2 s of CPU time a photo;
    #: empty or "-": none. Other segmenters go without.
    second_segmenter: str = "u2netp"
    #: Folder of the network that tells whether a product stands or was photographed from above, for .07 s of CPU time a
    #: photo; empty or "-": none, and its silhouette alone says so.
    viewpoint: str = str(VIEWPOINT_CHECKPOINT)
    #: Where weights lie: beside the installed packages, so that they come and go with the virtual environment.
    weights: Path = Path(sys.prefix) / "share" / "backdrop" / "weights"
    #: Where the studio page's thumbnails lie; `backdrop thumbnails` makes them.
    thumbnails: Path = Path(sys.prefix) / "share" / "backdrop" / "thumbnails"
    #: Where the kernels' machine code lies, which `backdrop kernels` compiles, and the networks' compiled graphs, which
    #: `backdrop models fetch` does. What is missing there, since the processor is another one, say, is compiled once by
    #: the process that needs it and kept in the user's cache.
    kernels: Path = Path(sys.prefix) / "share" / "backdrop" / "kernels"
    #: A diffusers folder, a hub id, or "hub id@revision". Not set: the network that ships. There is always one, so "-",
    #: which means none of the names below, is refused.
    generator: str = str(RENDERER_CHECKPOINT)
    #: A ControlNet that learned depth, a folder, a hub id or "hub id@revision": by it a hub model follows the scene's
    #: own depth (`models.hub.controlnet`); not set or "-": none. And how strongly, 1 as it was trained; default: its
    #: pipeline's own.
    controlnet: str | None = None
    control_scale: float | None = Field(None, ge=0, le=2)
    #: What of a hub model waits in the host's memory while it is not used: nothing, text encoders ("text"), whole
    #: networks ("model"), or each layer ("sequential", slow). On a GPU alone.
    offload: Literal["none", "text", "model", "sequential"] = "none"
    #: Whether the blocks that a hub model's network repeats are compiled (torch.compile) when they first run.
    compile: bool = False
    #: Whether a worker lets a hub model paint before its first job; default: on CUDA alone.
    warm_up: bool | None = None
    #: Whether a hub model's autoencoder works tile by tile: less memory, some time.
    vae_tiling: bool = False
    #: Variant of a hub model's files, "fp16" say; not set or "-": the plain ones.
    generator_variant: str | None = None
    #: A pipeline class of diffusers by name; not set or "-": what the folder names.
    generator_class: str | None = None
    #: The family that a hub model is run as, by its name in `models/hub/families.toml`; not set or "-":
    #: its own config says it. `backdrop doctor --generator` warns where that leaves a doubt.
    generator_family: str | None = None
    #: The most paintings that a hub model makes of one background, each with a seed of its own: those on which the
    #: product grew, and those that its safety checker withholds, are rejected.
    generator_paintings: int = Field(2, ge=1, le=8)
    #: What is delivered where all of them are rejected: a background of Backdrop's own renderer ("own"), with the
    #: warning generator_fell_back, or nothing ("fail"): the job fails with generator_rejected, and is refunded.
    generator_fallback: Literal["own", "fail"] = "own"
    #: "auto" takes CUDA or MPS where torch finds one.
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    #: What runs the networks on a CPU. "auto": OpenVINO on x86-64, onnxruntime on others. "openvino-bf16": u2net in
    #: bfloat16 where the processor computes in it: a third less time, and a few cut-outs are worse. "torch": the light
    #: network as the diffusers pipeline that its graph was made from, and the rest as "auto" (`models/README.md`).
    cpu_runtime: Literal["auto", "openvino", "openvino-bf16", "onnxruntime", "torch"] = "auto"
    #: PEM files of the certificate (its chain after it) and the key that sign every picture with content credentials
    #: (C2PA); not set: nothing is signed.
    c2pa_certificate: Path | None = None
    c2pa_key: Path | None = None
    c2pa_algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = "es256"
    #: An RFC 3161 time-stamping authority; without one a signature is good for as long as the certificate is.
    c2pa_timestamp_url: str | None = None
    #: A folder whose scenes.toml, moods.toml and presets.toml, any of them, add entries to the shipped catalogue, or
    #: replace those of the same name.
    catalogue: Path | None = None
    #: How the generator is run; default of each: what its family is made for (`models/hub/families.toml`), or its own.
    #: Denoising steps that run.
    steps: int | None = Field(None, ge=1)
    #: How far an image-to-image pipeline may leave the sketch: near 0 hardly, 1 entirely.
    strength: float | None = Field(None, gt=0, le=1)
    guidance_scale: float | None = Field(None, ge=0)
    #: Side in pixels of the square whose area the generator paints.
    generation_size: int | None = Field(None, ge=64)

    @field_validator("home", "weights", "thumbnails", "kernels", "c2pa_certificate", "c2pa_key", "catalogue")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        # Parts started by `backdrop up` may stand in another folder.
        return None if value is None else value.expanduser().absolute()

    @field_validator(
        *("second_segmenter", "viewpoint", "controlnet"),
        *("generator_variant", "generator_class", "generator_family"),
        mode="before",
    )
    @classmethod
    def _dash_is_none(cls, value: object, info: ValidationInfo) -> object:
        # An empty variable is a default in some deployments, so none has a word of its own.
        return value if value != "-" else "" if info.field_name in ("second_segmenter", "viewpoint") else None

    @field_validator("generator", "segmenter")
    @classmethod
    def _is_needed(cls, value: str, info: ValidationInfo) -> str:
        if value in ("", "-"):
            name = f"BACKDROP_{str(info.field_name).upper()}"
            raise ValueError(f"{value!r} means none, and one is needed; leave {name} out for what ships")
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
            raise ValueError(f"it must begin with {' or '.join(schemes)}")  # the URL may hold a password
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
                raise ValueError(f"key {place} is no Fernet key; `backdrop secrets new-key` makes one")
        return ",".join(keys)

    @field_validator("worker_takes")
    @classmethod
    def _are_kinds(cls, value: str) -> str:
        words = [word.strip() for word in value.split(",")]
        for word in words:
            if word not in ("previews", "cutouts", "swaps"):
                raise ValueError(f"{word!r} is no kind of work; give some of previews, cutouts, swaps, commas between")
        return ",".join(words)

    @field_validator("orphan_days")
    @classmethod
    def _not_young(cls, value: float) -> float:
        if 0 < value < 1:
            raise ValueError(
                f"{value:g} is less than a day, and would delete what is being stored; give 1 or more, or 0"
            )
        return value

    @field_validator(
        *("submit_rate", "preview_rate", "unfinished_limit", "queue_limit", "stream_limit", "peer_connections"),
        mode="before",
    )
    @classmethod
    def _none_is_no_limit(cls, value: object) -> object:
        # Not None: a setting that is None is left out of `environment`, and a child would take the default.
        return 0 if value is None or value == "" else value

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL with its driver named, and what `service.database.engine` reads of its query."""
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
        """The names that a request may give the API's host; None: any, as no link is made of it."""
        if self.public_url or self.store != "directory":
            return None
        given = {name.strip().lower() for name in self.trusted_hosts.split(",") if name.strip()}
        return frozenset({"localhost", "127.0.0.1", "::1", self.host.lower(), *given})

    @property
    def own_kernels(self) -> Path:
        """Where kernels are kept when `kernels` can't be written."""
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(cache) / "backdrop" / "kernels"

    @property
    def limits(self) -> Limits:
        """What a photo may weigh, for the decoder."""
        return Limits(max_bytes=self.max_photo_bytes, max_pixels=self.max_photo_pixels)

    @property
    def photo_age(self) -> float | None:
        """Seconds that a photo is kept after it was last used, None: for ever.

        A key can be uploaded to until its URL expires: it is as old as that.
        """
        return 86_400.0 * self.source_days + self.url_ttl if self.source_days else None

    @property
    def attempt_ends(self) -> float:
        """Seconds after which an attempt has surely ended: killed by its own time limit, or in spite of a lost lease.

        One whose lease was taken over only ends with its upload, which the store's own time-outs (some two minutes)
        bound.
        """
        return max(self.time_limit, 120.0) + self.lease

    def environment(self) -> dict[str, str]:
        """Return a whole process environment that makes a child read exactly these settings."""
        own = {
            f"BACKDROP_{name.upper()}": str(value)
            for name, value in self.model_dump().items()
            if value is not None and value != ""
        }
        return {**os.environ, **own}

    @property
    def encryption_key_file(self) -> Path:
        """Where the embedded database's key lies."""
        return self.home / "encryption-key"

    def encryption_key_list(self) -> list[str]:
        """Return the keys of `encryption_keys`, or the embedded database's own, making it on the first call."""
        if self.encryption_keys:
            return self.encryption_keys.split(",")
        if self.database_url:
            return []
        return [_kept(self.encryption_key_file, lambda: base64.urlsafe_b64encode(secrets.token_bytes(32))).decode()]

    def signing_secret(self) -> bytes:
        """Return the key that signs URLs of the directory store, making it on the first call."""
        if self.signing_key:
            return self.signing_key.encode()
        return _kept(self.home / "signing-key", lambda: secrets.token_hex(32).encode())


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what a file holds that its owner alone may read; where it is not there, make it first."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(make())
        # Linked when it is whole: whoever starts at the same moment reads all of it, and the first one stays.
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
        new.unlink()
    return path.read_bytes()


class Remote(BaseSettings):
    """The server that the command line's remote commands talk to: `BACKDROP_URL`, `BACKDROP_KEY` and so on."""

    model_config = SettingsConfigDict(env_prefix="BACKDROP_", frozen=True, extra="ignore")

    #: Base URL, e.g. https://backdrop.example; empty: `backdrop swap` and `backdrop batch` run on this machine.
    url: str = ""
    #: A client's key, as `backdrop clients add` printed it.
    key: str = ""
    #: What `backdrop clients set-shopify-secret` set for it: signs what changes something; empty: nothing is signed.
    signing_secret: str = ""


def load_remote(*, url: str | None, key: str | None) -> Remote:
    """Read the environment; what the command line gives wins where it is not None."""
    given: dict[str, object] = {"url": url, "key": key}
    return Remote(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # checked by pydantic


def unknown_settings() -> Iterator[str]:
    """Yield a sentence for each variable BACKDROP_… that no setting reads, with the setting that it resembles."""
    # The last is the command line's own.
    known = {*(name.upper() for model in (Settings, Remote) for name in model.model_fields), "DEBUG"}
    given = (name.removeprefix("BACKDROP_") for name in sorted(os.environ) if name.startswith("BACKDROP_"))
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"Did you mean BACKDROP_{near[0]}?" if near else "Unset it."
            yield f"BACKDROP_{name} is set, but no setting has that name. {remedy}"


def load_settings(**overrides: object) -> Settings:
    """Read the environment; `overrides` (from the command line) win where they are not None.

    Raises pydantic.ValidationError naming each setting that is wrong.
    """
    return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]  # checked by pydantic at run time
