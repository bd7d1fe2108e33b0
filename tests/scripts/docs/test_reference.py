"""The generated pages match their sources: all of them is on its page, and nothing that is no more."""

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import pytest

import backdrop_client
from pipeline.core import errors
from scripts.docs.api import api_page, document
from scripts.docs.catalogue import moods_page, picture_files, presets_page, scenes_page
from scripts.docs.client import client_page
from scripts.docs.commands import commands_page
from scripts.docs.errors import all_failures, errors_page
from scripts.docs.settings import settings_page
from service.catalogue.effects import WORDS
from service.cli.main import main
from service.jobs.plan import FAILURES
from service.schemas.openapi import load_examples
from service.schemas.refusals import ANSWERS
from service.settings import Remote, Settings

ROOT = Path(__file__).resolve().parents[3]


def sections(page: str) -> dict[str, str]:
    """Return the text below each heading of a page, by the heading without its anchor."""
    parts = re.split(
        r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL), flags=re.MULTILINE
    )
    headings = [re.sub(r" \{#.+\}$", "", heading) for heading in parts[1::2]]
    assert len(headings) == len(set(headings)), "two headings are the same"
    return dict(zip(headings, parts[2::2], strict=True))


def first_cells(text: str) -> list[str]:
    """Return the code in the first cell of each row of a section's tables."""
    return re.findall(r"^\| (?:<a id=[^>]+></a>)?\[?`([^`]+)`", text, re.MULTILINE)


@cache
def api() -> dict[str, str]:
    # A schema and a tag may have the same title.
    return sections(api_page().partition("## Schemas")[0])


def routes() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_route_is_on_the_page_and_no_other() -> None:
    shown = {heading for heading in api() if re.match(r"(GET|PUT|POST|PATCH|DELETE) ", heading)}

    assert shown == {name for name, _ in routes()}


def test_every_route_has_its_parameters_answers_and_example() -> None:
    page = api_page()
    for name, operation in routes():
        text = api()[name]
        shown = first_cells(text)
        parameters = [one["name"] for one in operation.get("parameters", [])]
        assert shown[: len(parameters)] == parameters, name
        assert set(operation["responses"]) <= set(shown), name
        assert operation["summary"] in text
        for sample in load_examples()[operation["operationId"]].values():
            # In a tab, four spaces in.
            assert all(f"    {line}".rstrip() in page for line in sample.strip().splitlines()), name


def test_every_field_of_every_schema_is_on_the_page_and_no_other() -> None:
    schemas = document()["components"]["schemas"]
    page = api_page()
    below = sections(page[page.index("## Schemas") :])
    assert set(below) - {"Schemas"} == set(schemas)
    for name, schema in schemas.items():
        assert first_cells(below[name]) == list(schema.get("properties", {})), name


def test_the_fields_of_a_body_are_with_its_route() -> None:
    schemas, found = document()["components"]["schemas"], 0
    for name, operation in routes():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            for named in re.findall(r"/schemas/(\w+)", json.dumps(media["schema"])):
                found += 1
                assert set(schemas[named].get("properties", {})) <= set(first_cells(api()[name])), name
    assert found > 5


def test_every_setting_is_on_the_page_with_its_words_and_its_default_and_no_other() -> None:
    shown = sections(settings_page())
    names = [f"BACKDROP_{name.upper()}" for model in (Settings, Remote) for name in model.model_fields]

    assert [heading for heading in shown if heading.startswith("BACKDROP_")] == names
    for name in names:
        words, default = re.fullmatch(r"\n\n(.*?)\n?\n?Type: .*Default: (.*?)\..*", shown[name], re.DOTALL).groups()  # type: ignore[union-attr]  # fails
        assert words, f"{name} has no comment in service/settings.py"
        assert default, name
    assert "Default: `8,000`" not in shown["BACKDROP_PORT"]
    assert "Default: `8000`" in shown["BACKDROP_PORT"]
    assert "Default: `.venv/share/backdrop/weights`" in shown["BACKDROP_WEIGHTS"]
    assert "Also read: `VALKEY_URL`, `REDIS_URL`." in shown["BACKDROP_QUEUE_URL"]
    assert str(ROOT) not in settings_page()


def under(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    for word, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from under(f"{name} {word}", one)


def test_every_command_and_option_is_on_the_page_and_no_other() -> None:
    shown, commands = sections(commands_page()), dict(under("backdrop", main))

    assert set(shown) - {"Command line"} == set(commands)
    for name, command in commands.items():
        options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
        rows = re.findall(r"^\| (`-.*?) \|", shown[name], re.MULTILINE)
        assert rows == [", ".join(f"`{word}`" for word in (*one.opts, *one.secondary_opts)) for one in options], name
        first = (command.help or "").strip().split("\n")[0].split(".")[0]
        assert first, f"{name} has no help"


@pytest.mark.parametrize(
    ("page", "name", "table"),
    [
        (scenes_page, "scenes.toml", "scene"),
        (moods_page, "moods.toml", "mood"),
        (presets_page, "presets.toml", "preset"),
    ],
)
def test_every_entry_of_the_catalogue_is_on_its_page_with_its_picture_and_no_other(
    page: Any, name: str, table: str
) -> None:
    entries = tomllib.loads((files("service.catalogue") / name).read_text("utf-8"))[table]
    text = page()

    shown = re.findall(r'id="(\w+)"', text) if table != "preset" else list(sections(text))[1:]
    assert shown == [one["name"] for one in entries]
    pictures = {path.name for path in picture_files()}
    for one in entries:
        assert one["description"] in text
        assert f"../pictures/{table}-{one['name']}.webp" in text
        assert f"{table}-{one['name']}.webp" in pictures
        assert all(f"`{colour}`" in text for colour in one.get("palette", []))
        if table == "preset":
            rules = [rule["name"] for rule in one.get("rules", [])]
            assert first_cells(sections(text)[one["name"]])[-len(rules) :] == rules or not rules


def test_every_error_code_and_warning_is_on_the_page_and_no_other() -> None:
    shown = sections(errors_page())
    rows = re.findall(r'^\| <a id="(\w+)"></a>`\w+` \| (\d+) \|', shown["Problems"], re.MULTILINE)
    problems = [(status, name) for name, status in rows]
    codes = {name for _, name in problems}
    assert len(problems) == len(codes), "an anchor comes twice"
    documented = {
        (status, example["value"]["code"])
        for _, operation in routes()
        for status, answer in operation["responses"].items()
        for media in answer.get("content", {}).values()
        for example in media.get("examples", {}).values()
        if "request_id" in (example["value"] if isinstance(example["value"], dict) else {})
        and "code" in example["value"]
    }
    assert documented <= set(problems)
    assert {(str(one.status), one.code) for one in ANSWERS.values()} <= set(problems)

    failed = set(first_cells(shown["Failed jobs"]))
    own = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Rejected)}
    assert own - {"pipeline_failed"} <= failed
    assert {"worker_lost", "queue_timeout", "time_limit", "cancelled", "source_gone", "source_deleted"} <= failed
    assert first_cells(shown["Warnings"]) == list(WORDS)

    source = "\n".join(
        path.read_text("utf-8") for room in ("service", "pipeline", "models") for path in (ROOT / room).rglob("*.py")
    )
    lanes = {f"too_many_{what}" for what in re.findall(r'(?:Lane|Places)\("(\w+)"', source)}
    for name in (codes | failed | set(first_cells(shown["Field errors"]))) - lanes:
        assert f'"{name}"' in source, name


def test_every_public_name_of_the_client_is_on_the_page_with_its_methods_and_no_other() -> None:
    shown = sections(client_page())
    titles = {"Python client", "The clients", "Functions and types", "Records", "Errors"}
    names = [heading for heading in shown if "." not in heading]
    assert set(names) - titles == set(backdrop_client.__all__)

    methods = {heading for heading in shown if "." in heading}
    expected = set()
    for name in backdrop_client.__all__:
        kind = getattr(backdrop_client, name)
        if isinstance(kind, type) and kind is not backdrop_client.AsyncBackdrop:
            fields = {one.name for one in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
            own = {
                one for one, value in vars(kind).items() if callable(value) or isinstance(value, property | classmethod)
            }
            expected |= {f"{name}.{one}" for one in own if not one.startswith("_")}
            assert set(first_cells(shown[name])) == fields, name
    assert methods == expected


def test_no_method_of_the_client_is_without_words() -> None:
    # Fences are left out: what is left is the text.
    assert [heading for heading, text in sections(client_page()).items() if "." in heading and not text.strip()] == []


def test_a_sandbox_simulates_every_failure_but_those_that_its_client_can_cause_itself() -> None:
    assert {*FAILURES} == {*all_failures()} - {"cancelled", "source_deleted"}
