"""Set-up: its choice of onnxruntime's build, and the first command on a machine with a pretended GPU."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


PATH = os.environ["PATH"]  # noqa: TID251  # the child's


def ran(*command: str | Path, cwd: str | Path = ROOT, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a program with changed variables."""
    environment = {**os.environ, **changes}  # noqa: TID251  # the child's
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def pretended_gpu(folder: Path) -> str:
    """Create a machine's `nvidia-smi`, and return a PATH with it."""
    program = folder / "nvidia-smi"
    program.write_text("#!/bin/sh\necho pretended\n")
    program.chmod(0o755)
    return f"{folder}:{PATH}"


def chosen(**changes: str) -> str:
    return ran(ROOT / "scripts/device", sys.executable, **changes).stdout.strip()


def has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return shutil.which("nvidia-smi") is not None
    return True


def test_set_up_takes_onnxruntimes_cuda_build_where_there_is_a_driver_unless_a_setting_decides(
    tmp_path: Path,
) -> None:
    gpu = pretended_gpu(tmp_path)

    assert chosen() == ("cuda" if has_driver() else "cpu")
    assert chosen(PATH=gpu) == "cuda"
    assert chosen(PATH=gpu, BACKDROP_DEVICE="cpu") == "cpu"
    assert chosen(BACKDROP_DEVICE="cuda") == "cuda"
    assert chosen(PATH=gpu, BACKDROP_DEVICE="auto") == "cuda"


def test_a_named_python_that_does_not_run_is_refused_and_no_other_taken() -> None:
    stub = shutil.which("false")
    assert stub is not None
    done = ran(ROOT / "scripts/setup", PYTHON=stub)

    assert done.returncode == 1
    assert f"(tried: {stub}). Set PYTHON" in done.stderr


def builds(checkout: Path) -> list[str]:
    """Return the builds of onnxruntime in a checkout's environment, after importing it: two builds share files."""
    code = (
        "from importlib.metadata import distributions; import onnxruntime; onnxruntime.InferenceSession;"
        "print(*sorted(d.name for d in distributions() if d.name.startswith('onnxruntime')))"
    )
    return run(checkout, ".venv/bin/python", "-c", code).split()


def run(checkout: Path, *command: str, **changes: str) -> str:
    done = ran(*command, cwd=checkout, **changes)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# At night: a new environment takes minutes, and 3 GB where the registry's torch is the CUDA build. The gate has the
# choice of the build above, and the fall-back to the CPU in tests/models/test_device.py.
@pytest.mark.nightly
@pytest.mark.system
@pytest.mark.skipif(sys.platform != "linux", reason="the CUDA build of onnxruntime has wheels for Linux alone")
def test_the_first_command_swaps_on_a_pretended_gpu_and_set_up_follows_the_machine(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".git", ".venv", "out", "__pycache__", ".*_cache"))
    (tmp_path / "bin").mkdir()
    gpu = pretended_gpu(tmp_path / "bin")
    small = {"PYTHON": sys.executable, "BACKDROP_SEGMENTER": "u2netp"}

    said = run(checkout, "scripts/quickstart", PATH=gpu, **small)

    assert "segmenter on cpu, generator on cpu float32" in said
    assert builds(checkout) == ["onnxruntime-gpu"]
    # Its CUDA provider does not load here: the networks open all the same.
    code = (
        "from models.segmenter import load_segmenter; from service.settings import Settings;"
        "print(load_segmenter('u2netp', weights=Settings().weights, device='cuda')[0].device)"
    )
    assert run(checkout, ".venv/bin/python", "-c", code).split()[-1] == "cpu"

    for path, build in ((PATH, "onnxruntime"), (gpu, "onnxruntime-gpu")):
        run(checkout, "scripts/setup", PATH=path, **small)
        assert builds(checkout) == [build]

    # A device chosen by name is refused, and the first command reports why.
    done = ran("scripts/quickstart", cwd=checkout, **small, BACKDROP_DEVICE="cuda")
    assert done.returncode == 1
    assert "BACKDROP_DEVICE is cuda, but" in done.stderr
    assert "Traceback" not in done.stderr
    shutil.rmtree(checkout)  # gigabytes, which pytest would keep for three runs


def locked() -> dict[str, list[str]]:
    """Return the lock file's entries and the hashes of each."""
    entries: dict[str, list[str]] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines()[1:]:
        if not line.startswith(" "):
            hashes = entries[line.removesuffix(" \\")] = []
        else:
            hashes.append(line.strip().removesuffix(" \\").removeprefix("--hash=sha256:"))
    return entries


def test_every_package_of_the_lock_file_has_its_hashes_and_torch_is_left_to_the_machine() -> None:
    entries = locked()
    assert {name.partition("==")[0] for name in entries} >= {"litestar", "numpy", "uv", "pip-licenses", "cyclonedx-bom"}
    assert not [name for name in entries if name.startswith(("torch", "triton", "nvidia-", "cuda-"))]
    for name, hashes in entries.items():
        assert "==" in name
        assert hashes, name
        assert all(len(one) == 64 for one in hashes), name


@pytest.mark.nightly  # asks a registry
def test_a_wheel_other_than_the_locked_one_is_not_installed(tmp_path: Path) -> None:
    (hashes,) = [found for name, found in locked().items() if name.startswith("python-ulid==")]
    lock = (ROOT / "requirements.lock").read_text()

    def install(lock: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "lock").write_text(lock)
        where = ("--target", tmp_path / "target", "--constraint", tmp_path / "lock")
        return ran(ROOT / ".venv/bin/uv", "pip", "install", "--no-deps", *where, "python-ulid")

    for one in hashes:
        lock = lock.replace(one, "0" * 64)
    assert "Hash mismatch" in install(lock).stderr
    done = install((ROOT / "requirements.lock").read_text())
    assert not done.returncode, done.stderr


def test_base_images_are_pinned_to_their_registries_digests(tmp_path: Path) -> None:
    (tmp_path / "scripts/image").mkdir(parents=True)
    for name in ("Dockerfile.cuda", "compose.yaml", "scripts/image/pin"):
        shutil.copy(ROOT / name, tmp_path / name)

    def pin(answer: str) -> subprocess.CompletedProcess[str]:
        docker = tmp_path / "docker"
        docker.write_text(f"#!/bin/sh\necho '{answer}'\n")
        docker.chmod(0o755)
        return ran(tmp_path / "scripts/image/pin", PATH=f"{tmp_path}:{PATH}")

    for digest in ("sha256:" + "1" * 64, "sha256:" + "2" * 64):  # the second time over the first
        assert not pin(digest).returncode
        assert f"\nARG PYTHON_IMAGE=python:3.12-slim@{digest}\n" in (tmp_path / "Dockerfile.cuda").read_text()
        composed = (tmp_path / "compose.yaml").read_text()
        for image in ("postgres:17", "valkey/valkey:8", "rclone/rclone:1"):
            assert f"image: {image}@{digest}\n" in composed
        assert "image: backdrop\n" in composed
    refused = pin("not found")
    assert refused.returncode
    assert "returned no digest for python:3.12-slim" in refused.stderr
    assert f"python:3.12-slim@{digest}\n" in (tmp_path / "Dockerfile.cuda").read_text()
