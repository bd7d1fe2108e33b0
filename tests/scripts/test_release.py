"""The parts of a release: workflow files, versions, changelog fragments, commit subjects."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PROGRAMS = Path(sys.executable).parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_workflow_files_pass_actionlint() -> None:
    found = run(PROGRAMS / "actionlint", "-shellcheck", PROGRAMS / "shellcheck", *WORKFLOWS)
    assert found.returncode == 0, found.stdout + found.stderr


def test_workflows_pin_their_actions_and_call_scripts_that_exist() -> None:
    for text in (workflow.read_text() for workflow in WORKFLOWS):
        for action in re.findall(r"uses: (\S+)", text):
            assert re.search(r"@[0-9a-f]{40}$", action), f"{action} can change under its tag"
        for script in re.findall(r"(?:\./|- run: )((?:scripts|\.ci)/[\w/-]+)", text):
            assert (ROOT / script).stat().st_mode & 0o111, f"{script} can't be run"


def test_every_version_is_that_of_pyproject() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert tomllib.loads((ROOT / "client/pyproject.toml").read_text())["project"]["version"] == version
    chart = (ROOT / "service/chart/Chart.yaml").read_text()
    assert f"\nversion: {version}\n" in chart
    assert f'\nappVersion: "{version}"\n' in chart
    assert f"ARG VERSION={version} " in (ROOT / "Dockerfile.cuda").read_text()
    for example in (ROOT / "service/chart/examples").glob("*.yaml"):
        for tag in re.findall(r"tag: (\d[\w.]*)", example.read_text()):
            assert tag == version, example


def test_the_changelog_has_a_section_for_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    notes = run("scripts/release-notes", f"v{version}")
    assert notes.returncode == 0, notes.stderr
    kinds = re.findall(r"^### (\w+)$", notes.stdout, re.MULTILINE)
    assert kinds == [kind for kind in ("Added", "Changed", "Fixed", "Removed", "Security") if kind in kinds]
    assert kinds
    assert run("scripts/release-notes", "v9.9.9").returncode == 1


def test_changelog_fragments_have_a_known_kind() -> None:
    for fragment in (ROOT / "changelog.d").iterdir():
        if fragment.name not in {"README.md", "template.md"}:
            assert re.search(r"\.(added|changed|fixed|removed|security)\.md$", fragment.name), fragment


def test_a_commit_subject_of_73_characters_is_refused(tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_text("é" * 72 + "\n\n" + "A body may be longer. " * 9)
    assert run("scripts/subjects", message).returncode == 0
    message.write_text("e" * 73 + "\n")
    refused = run("scripts/subjects", message)
    assert refused.returncode == 1
    assert "73 characters. Shorten it to 72" in refused.stderr
