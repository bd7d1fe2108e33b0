"""The Helm chart: linted, rendered for its examples, each object valid, and its documented behaviour."""

import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from service.database.tables import jobs, metadata
from service.settings import Settings
from testkit.kubernetes import REMEDY, Charts, find_charts, rendered

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "service" / "chart"
EXAMPLES = sorted(path.stem for path in (CHART / "examples").glob("*.yaml"))
#: Not the API's own kinds: KEDA's and the Prometheus operator's.
FOREIGN = {"TriggerAuthentication", "ScaledObject", "ServiceMonitor", "PodMonitor", "PrometheusRule"}
#: Settings with chart values of their own, or fixed by the image.
OF_THE_CHART = {
    *("DATABASE_URL", "QUEUE_URL", "STORE", "S3_SOURCE_BUCKET", "S3_RENDER_BUCKET", "S3_ENDPOINT_URL"),
    *("S3_PUBLIC_ENDPOINT_URL", "ENCRYPTION_KEYS", "SIGNING_KEY", "HOME", "HOST", "PORT", "METRICS_PORT"),
    *("METRICS_HOST", "DEVICE", "STOP_GRACE", "WORKER_TAKES"),
}
Object = dict[str, Any]
Render = Callable[..., list[Object]]


@pytest.fixture(scope="module")
def charts() -> Charts:
    found = find_charts()
    if found is None:
        assert "CI" not in os.environ, REMEDY  # noqa: TID251  # never skipped in CI
        pytest.skip(REMEDY)
    return found


@pytest.fixture(scope="module")
def render(charts: Charts) -> Render:
    @cache
    def objects(example: str, *values: str) -> list[Object]:
        given = [part for value in values for part in ("--set", value)]
        result = charts.run("template", "shop", CHART, "-f", CHART / "examples" / f"{example}.yaml", *given)
        assert not result.returncode, result.stderr
        return rendered(result.stdout)

    return objects


def named(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == f"shop-backdrop{name}"]
    return found


def pods(objects: list[Object]) -> list[Object]:
    return [one["spec"]["template"]["spec"] for one in objects if one["kind"] in {"Deployment", "Job"}]


def refused(charts: Charts, *values: str) -> str:
    """Return the error of Helm for the GPU example with these values."""
    given = [part for value in values for part in ("--set", value)]
    done = charts.run("template", "shop", CHART, "-f", CHART / "examples" / "gpu.yaml", *given)
    assert done.returncode, f"{values} are taken"
    return done.stderr


def secrets(objects: list[Object]) -> dict[str, dict[str, tuple[str, str]]]:
    """Return the variables from Secrets of each part's container: name to (secret, key)."""
    found = {}
    for pod in pods(objects):
        (container,) = pod["containers"]
        given = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one}
        found[container["name"]] = {name: (one["name"], one["key"]) for name, one in given.items()}
    return found


def test_the_chart_is_linted(charts: Charts) -> None:
    examples = [part for name in EXAMPLES for part in ("-f", str(CHART / "examples" / f"{name}.yaml"))]
    result = charts.run("lint", CHART, "--strict", *examples)
    assert not result.returncode, result.stdout + result.stderr


def test_every_object_of_every_example_has_only_fields_of_its_kind(charts: Charts, render: Render) -> None:
    objects = [one for example in EXAMPLES for one in render(example)]
    validators = charts.validators(objects)
    wrong = [
        f"{one['kind']} {one['metadata']['name']}: {error.json_path}: {error.message}"
        for one in objects
        if one["kind"] not in FOREIGN
        for error in validators[one["apiVersion"], one["kind"]].iter_errors(one)
    ]
    assert not wrong
    policy = objects[0]
    assert list(validators[policy["apiVersion"], policy["kind"]].iter_errors(policy | {"speck": {}}))


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_container_is_root_or_writes_to_its_root_file_system_and_secrets_come_from_secrets(
    render: Render, example: str
) -> None:
    objects = render(example)
    assert "Secret" not in {one["kind"] for one in objects}, "those that exist are used"
    known = {f"BACKDROP_{name.upper()}" for name in Settings.model_fields}
    found = pods(objects)
    assert len(found) == 4
    for pod in found:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        variables = {one["name"]: one for one in container["env"]}
        assert "secretKeyRef" in variables["BACKDROP_DATABASE_URL"]["valueFrom"]
        assert {name for name in variables if name.startswith("BACKDROP_")} <= known


def test_each_part_gets_only_the_secrets_that_it_needs(render: Render) -> None:
    found = secrets(
        render("gpu", "database.parts.migrate.existingSecret=owner", "database.parts.worker.key=WORKER_URL")
    )
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    part = {"BACKDROP_DATABASE_URL", "BACKDROP_QUEUE_URL", "BACKDROP_ENCRYPTION_KEYS", *keys}
    assert {part: set(names) for part, names in found.items()} == {
        "migrate": {"BACKDROP_DATABASE_URL"},
        "worker": part,
        "api": part,
        "sweep": part,
    }
    assert {part: names["BACKDROP_DATABASE_URL"] for part, names in found.items()} == {
        "migrate": ("owner", "DATABASE_URL"),
        "worker": ("backdrop", "WORKER_URL"),
        "api": ("backdrop", "DATABASE_URL"),
        "sweep": ("backdrop", "DATABASE_URL"),
    }


def test_the_migration_may_reach_the_database_before_it_runs_and_leaves_its_log(
    render: Render,
) -> None:
    objects = render("gpu")
    job, policy = (named(objects, kind, "-migrate")["metadata"] for kind in ("Job", "NetworkPolicy"))
    hook = "helm.sh/hook"
    assert job["annotations"][hook] == policy["annotations"][hook] == "pre-install,pre-upgrade"
    assert int(policy["annotations"][f"{hook}-weight"]) < int(job["annotations"][f"{hook}-weight"])
    assert job["annotations"][f"{hook}-delete-policy"] == "before-hook-creation"


def test_the_schema_lists_every_setting_without_a_chart_value(charts: Charts) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    listed = set(schema["properties"]["settings"]["propertyNames"]["enum"])
    every = {name.upper() for name in Settings.model_fields}
    assert listed == every - OF_THE_CHART, "settings.propertyNames of values.schema.json are not those of Settings"
    assert every >= OF_THE_CHART
    assert "NOSUCH" in refused(charts, "settings.NOSUCH=1")
    # A port that differs from the container's, and a secret in plain text.
    assert "PORT" in refused(charts, "settings.PORT=9000")
    assert "ENCRYPTION_KEYS" in refused(charts, "settings.ENCRYPTION_KEYS=secret")


def test_a_setting_is_written_as_given(charts: Charts, tmp_path: Path) -> None:
    given = {"MAX_PHOTO_BYTES": 41943040, "FETCH_TIMEOUT": 2.5, "PREVIEWS": False}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({"settings": given}))
    done = charts.run("template", "shop", CHART, "-f", CHART / "examples" / "gpu.yaml", "-f", tmp_path / "values.yaml")
    (container,) = named(rendered(done.stdout), "Deployment", "-api")["spec"]["template"]["spec"]["containers"]
    read = Settings(
        **{
            one["name"].removeprefix("BACKDROP_").lower(): one.get("value")
            for one in container["env"]
            if one["name"].removeprefix("BACKDROP_") in given
        }
    )
    assert {name: getattr(read, name.lower()) for name in given} == given


def test_a_catalogue_is_mounted_into_apis_and_workers(render: Render) -> None:
    for example, name in (("gpu", "catalogue.configMap.name=ours"), ("gpu", "")):
        for pod in pods(render(example, *filter(None, [name]))):
            (container,) = pod["containers"]
            wanted = bool(name) and container["name"] in ("api", "worker")
            mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
            environment = {one["name"]: one.get("value") for one in container["env"]}
            assert {"name": "catalogue", "configMap": {"name": "ours"}} in pod["volumes"] or not wanted
            assert mounts.get("catalogue") == ("/etc/backdrop/catalogue" if wanted else None)
            assert environment.get("BACKDROP_CATALOGUE") == mounts.get("catalogue")


def test_impossible_values_are_refused(charts: Charts) -> None:
    assert "port" in refused(charts, "metrics.port=8000")
    assert "image.tag or image.digest is required" in refused(charts, "image.digest=")
    assert "twice" in refused(charts, "metrics.podMonitor.enabled=true")
    assert "hosts" in refused(charts, "ingress.enabled=true")
    assert "api.autoscaling.min must not be larger" in refused(
        charts, "api.autoscaling.enabled=true", "api.autoscaling.min=9"
    )


def test_a_namespaces_own_user_ids_are_left_to_it(render: Render) -> None:
    unset = [f"podSecurityContext.{name}=null" for name in ("runAsUser", "runAsGroup", "fsGroup")]
    for pod in pods(render("gpu", *unset)):
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@pytest.mark.parametrize("part", ["api", "worker", "sweep", "migrate"])
def test_each_part_has_labels_a_priority_and_a_spread_of_its_own(render: Render, part: str) -> None:
    spread = "maxSkew=1,{0}.topologyKey=zone,{0}.whenUnsatisfiable=DoNotSchedule"
    list_ = f"{part}.topologySpreadConstraints[0]"
    values = [f"{part}.podLabels.team=shop", f"{part}.priorityClassName=high", f"{list_}.{spread.format(list_)}"]
    objects = render("gpu", *values)
    template = named(objects, "Job" if part == "migrate" else "Deployment", f"-{part}")["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "shop"
    assert template["spec"]["priorityClassName"] == "high"
    constraint = template["spec"]["topologySpreadConstraints"][0]
    assert constraint["whenUnsatisfiable"] == "DoNotSchedule"
    assert constraint["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert constraint["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == part


def test_ingress_and_autoscaler_lead_to_the_api(render: Render) -> None:
    objects = render("aks")
    ingress = named(objects, "Ingress", "-api")["spec"]
    backend = ingress["rules"][0]["http"]["paths"][0]["backend"]["service"]
    service = named(objects, "Service", "-api")
    assert backend["name"] == service["metadata"]["name"]
    assert backend["port"]["name"] in {one["name"] for one in service["spec"]["ports"]}
    assert ingress["tls"] == [{"secretName": "backdrop-tls", "hosts": ["backdrop.example"]}]
    scaled = named(objects, "HorizontalPodAutoscaler", "-api")["spec"]["scaleTargetRef"]
    deployment = named(objects, "Deployment", "-api")
    assert (scaled["kind"], scaled["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"]
    assert deployment["metadata"]["annotations"] == {"reloader.stakater.com/auto": "true"}


def test_a_pod_monitor_finds_the_pods_by_their_labels(render: Render) -> None:
    objects = render("gke")
    monitor = named(objects, "PodMonitor", "")["spec"]
    assert "ServiceMonitor" not in {one["kind"] for one in objects}
    (endpoint,) = monitor["podMetricsEndpoints"]
    for part in ("api", "worker", "sweep"):
        template = named(objects, "Deployment", f"-{part}")["spec"]["template"]
        assert monitor["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert endpoint["port"] in {one["name"] for one in template["spec"]["containers"][0]["ports"]}


def counted(queries: list[str], states: list[tuple[str, str, bool]]) -> list[float]:
    """Return the results of the autoscaler's queries for jobs with this status, operation and preview."""
    database = sa.create_engine("sqlite://")
    metadata.create_all(database)
    common = {"client_id": "c", "spec": {}, "source_key": "k", "credits_cost": 1, "progress": 0, "attempt": 0}
    with database.begin() as connection:
        for number, (status, operation, preview) in enumerate(states):
            own = {"id": str(number), "request_id": str(number), "status": status}
            connection.execute(jobs.insert().values(**common, **own, operation=operation, preview=preview))
        return [float(connection.execute(sa.text(query)).scalar_one()) for query in queries]


def test_the_autoscaler_weighs_waiting_jobs_by_operation_and_counts_running_ones_in_the_real_schema(
    render: Render,
) -> None:
    trigger = named(render("gpu"), "ScaledObject", "-worker")["spec"]["triggers"][0]
    assert trigger["type"] == "postgresql"
    query = trigger["metadata"]["query"]
    states = [
        *[("IN_PROGRESS", "swap", False)] * 2,
        *[("NOT_STARTED", "swap", False)] * 3,
        *(("NOT_STARTED", "swap", True), ("NOT_STARTED", "cutout", False), ("SUCCESS", "swap", False)),
    ]
    assert counted([query], []) == [0]
    assert counted([query], states) == pytest.approx([2 + 3 * 0.1 + 0.05 + 0.03])
    assert set(re.findall("'(.+?)'", query)) == {"NOT_STARTED", "IN_PROGRESS", "cutout"}


def test_groups_of_workers_take_their_kinds_of_work_and_are_scaled_by_it(charts: Charts, tmp_path: Path) -> None:
    groups: list[dict[str, Any]] = [
        {"name": "quick", "takes": ["previews", "cutouts"], "gpus": 0, "autoscaling": {"max": 2}},
        {"name": "swaps", "takes": ["swaps"], "nodeSelector": {"gpu": "large"}},
    ]
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({"worker": {"groups": groups}}))
    gpu = CHART / "examples" / "gpu.yaml"
    done = charts.run("template", "shop", CHART, "-f", gpu, "-f", tmp_path / "values.yaml")
    assert not done.returncode, done.stderr
    objects = rendered(done.stdout)
    workers = [named(objects, "Deployment", f"-worker-{one['name']}")["spec"] for one in groups]
    scaled = [named(objects, "ScaledObject", f"-worker-{one['name']}")["spec"] for one in groups]

    pods = [one["template"]["spec"] for one in workers]
    settings = [{one["name"]: one.get("value") for one in pod["containers"][0]["env"]} for pod in pods]
    assert [one["BACKDROP_WORKER_TAKES"] for one in settings] == ["previews,cutouts", "swaps"]
    assert [one["BACKDROP_DEVICE"] for one in settings] == ["cpu", "cuda"]
    assert [pod["nodeSelector"].get("gpu") for pod in pods] == [None, "large"]
    selectors = [one["selector"]["matchLabels"] for one in workers]
    assert selectors[0] != selectors[1]
    for selector, worker in zip(selectors, workers, strict=True):
        assert selector.items() <= worker["template"]["metadata"]["labels"].items()
    assert [one["maxReplicaCount"] for one in scaled] == [2, 16]
    targets = [one["scaleTargetRef"]["name"] for one in scaled]
    assert targets == [f"shop-backdrop-worker-{one['name']}" for one in groups]

    queries = [one["triggers"][0]["metadata"]["query"] for one in scaled]
    waiting = [("NOT_STARTED", "swap", False), ("NOT_STARTED", "swap", True), ("NOT_STARTED", "cutout", False)]
    assert counted(queries, waiting) == pytest.approx([0.05 + 0.03, 0.1])


def test_groups_of_workers_that_leave_a_kind_out_or_share_a_name_are_refused(charts: Charts) -> None:
    one, two = "worker.groups[0]", "worker.groups[1]"
    assert "would wait for ever" in refused(charts, f"{one}.takes={{swaps,previews}}")
    assert "need unique names" in refused(charts, f"{one}.takes={{swaps}}", f"{two}.takes={{previews,cutouts}}")
    assert "preview" in refused(charts, f"{one}.takes={{preview,cutouts,swaps}}")


def test_one_worker_stays_unless_zero_is_chosen(render: Render) -> None:
    assert named(render("gpu"), "ScaledObject", "-worker")["spec"]["minReplicaCount"] == 1
    assert named(render("spot"), "ScaledObject", "-worker")["spec"]["minReplicaCount"] == 0
    # An upgrade must not reset the autoscaler's number.
    assert "replicas" not in named(render("gpu"), "Deployment", "-worker")["spec"]
    assert named(render("cpu"), "Deployment", "-worker")["spec"]["replicas"] == 2


def test_a_workers_grace_period_exceeds_the_time_to_hand_its_jobs_back(render: Render, charts: Charts) -> None:
    for example in EXAMPLES:
        pod = named(render(example), "Deployment", "-worker")["spec"]["template"]["spec"]
        variables = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
        assert pod["terminationGracePeriodSeconds"] >= float(variables["BACKDROP_STOP_GRACE"]) + 5
    assert "can hand its jobs back" in refused(charts, "worker.stopGrace=60")


def test_a_gpu_is_requested_where_the_example_has_one(render: Render) -> None:
    def limits(example: str) -> set[str]:
        pod = named(render(example), "Deployment", "-worker")["spec"]["template"]["spec"]
        return {name for name in pod["containers"][0]["resources"]["limits"] if "/" in name}

    assert [limits(example) for example in ("gpu", "spot", "cpu")] == [
        {"nvidia.com/gpu"},
        {"nvidia.com/mig-1g.10gb"},
        set(),
    ]


def test_alert_rules_and_dashboard_match_the_files(render: Render) -> None:
    objects = render("gpu", "metrics.rules.enabled=true", "metrics.dashboard.enabled=true")
    rules = yaml.safe_load((CHART / "files" / "rules.yml").read_text())
    dashboard = (CHART / "files" / "dashboard.json").read_text()

    assert named(objects, "PrometheusRule", "")["spec"] == rules
    assert named(objects, "ConfigMap", "-dashboard")["data"] == {"backdrop.json": dashboard}


def test_each_alert_links_to_its_section_of_the_page_that_runbook_names(render: Render) -> None:
    page = "https://docs.example/alerts/"
    objects = render("gpu", "metrics.rules.enabled=true", f"metrics.rules.runbook={page}")
    rules = [rule for group in named(objects, "PrometheusRule", "")["spec"]["groups"] for rule in group["rules"]]
    links = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules if "alert" in rule}
    guide = (ROOT / "docs" / "guides" / "operators" / "alerts.md").read_text("utf-8")
    headings = re.findall(r"^## (Backdrop\w+)$", guide, re.MULTILINE)

    assert links == {heading: f"{page}#{heading.lower()}" for heading in headings}


def test_missing_and_unknown_values_of_the_chart_are_reported(charts: Charts) -> None:
    assert "existingSecret" in charts.run("template", "shop", CHART).stderr
    assert "gpu" in refused(charts, "worker.gpu=2")


@pytest.mark.nightly  # the models' import takes a second of CPU time
def test_the_autoscalers_objects_have_only_fields_of_keda(render: Render) -> None:
    from cloudcoil.models.keda import v1alpha1

    found = [one for name in ("gpu", "spot") for one in render(name) if one["apiVersion"].startswith("keda.sh/")]
    assert len(found) == 4
    for one in found:
        kept = getattr(v1alpha1, one["kind"]).model_validate(one)
        # The models accept unknown fields and leave them out.
        assert kept.model_dump(mode="json", by_alias=True, exclude_unset=True) == one
