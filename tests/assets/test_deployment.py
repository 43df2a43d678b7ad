"""Files for Kubernetes and Docker Compose, held against their schemas; nothing here runs them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose

from agentmon.assets.dashboards import provisioning
from tests.docs.pages import ROOT
from tests.servers.processes import required

EXAMPLES = ROOT / "examples" / "deployment"
OPERATOR = ROOT / "prometheus" / "operator"
COMPOSE = EXAMPLES / "docker-compose.yml"

_DURATION = {
    "type": "string",
    "pattern": r"^(0|((\d+)y)?((\d+)w)?((\d+)d)?((\d+)h)?((\d+)m)?((\d+)s)?((\d+)ms)?)$",
}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}


def _only(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


def _object(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _only(
        ["apiVersion", "kind", "metadata", "spec"],
        apiVersion={"const": "monitoring.coreos.com/v1"},
        kind={"const": kind},
        metadata=_only(["name"], name={"type": "string"}, labels=_TEXTS),
        spec=spec,
    )


#: What the Prometheus Operator 0.82 takes, of what is used here.
_RULE = _only(
    ["expr"],
    alert={"type": "string"},
    record={"type": "string"},
    expr={"type": ["string", "integer"]},
    **{"for": _DURATION},
    keep_firing_for={**_DURATION, "minLength": 1},
    labels=_TEXTS,
    annotations=_TEXTS,
)
_GROUP = _only(
    ["name"],
    name={"type": "string", "minLength": 1},
    interval=_DURATION,
    rules={"type": "array", "items": _RULE},
)
_ENDPOINT = _only(
    ["port"],
    port={"type": "string"},
    path={"type": "string"},
    interval=_DURATION,
    scrapeTimeout=_DURATION,
    relabelings={
        "type": "array",
        "items": _only(
            [],
            action={"enum": ["replace", "keep", "drop", "labeldrop", "labelmap"]},
            targetLabel={"type": "string"},
            replacement={"type": "string"},
        ),
    },
)
SCHEMAS = {
    "rules.yml": _object(
        "PrometheusRule", _only([], groups={"type": "array", "items": _GROUP, "minItems": 1})
    ),
    "servicemonitor.yml": _object(
        "ServiceMonitor",
        _only(
            ["endpoints", "selector"],
            selector=_only([], matchLabels=_TEXTS),
            namespaceSelector=_only([], any={"type": "boolean"}),
            endpoints={"type": "array", "items": _ENDPOINT, "minItems": 1},
        ),
    ),
}


def load(path: Path) -> Any:
    """The only document of a file."""
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("name", SCHEMAS)
def test_objects_of_the_operator_have_their_form(name: str) -> None:
    """The Prometheus Operator takes them, as far as its schema says."""
    jsonschema.validate(load(OPERATOR / name), SCHEMAS[name])


def test_the_schema_would_find_what_is_wrong() -> None:
    """A field in the wrong place, and a duration that is none, are seen."""
    wrong = load(OPERATOR / "rules.yml")
    wrong["spec"]["groups"][0]["rules"][0]["severity"] = "critical"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMAS["rules.yml"])
    wrong = load(OPERATOR / "rules.yml")
    wrong["spec"]["groups"][0]["interval"] = "1 minute"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMAS["rules.yml"])


@pytest.mark.servers
@pytest.mark.parametrize("promtool", ["promtool2", "promtool3"])
def test_the_rules_inside_are_rules(promtool: str, tmp_path: Path) -> None:
    """What the object carries is what both lines of Prometheus take, and what the files say."""
    spec = load(OPERATOR / "rules.yml")["spec"]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(spec))
    done = subprocess.run(
        [required(promtool), "check", "rules", tmp_path / "rules.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    plain = [
        group
        for name in ("records", "alerts")
        for group in load(ROOT / "prometheus" / "rules" / f"agentmon-{name}.yml")["groups"]
    ]
    assert spec["groups"] == plain


@pytest.mark.parametrize("version", ["1.28", "1.33", "1.37"])
def test_objects_of_kubernetes_have_their_form(version: str) -> None:
    """Strictly, and of several versions: no field that is not known."""
    for each in yaml.safe_load_all((EXAMPLES / "kubernetes.yml").read_text()):
        kubernetes_validate.validate(each, version, strict=True)


def test_the_monitor_finds_the_service() -> None:
    """The labels and the port that the ServiceMonitor asks for are those of the example."""
    deployment, service, policy = yaml.safe_load_all((EXAMPLES / "kubernetes.yml").read_text())
    spec = load(OPERATOR / "servicemonitor.yml")["spec"]
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = spec["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    told = {each["name"]: each["value"] for each in container["env"]}
    assert told["AGENTMON_SERVE"].endswith(f":{ports['metrics']}")


def test_compose_has_its_form() -> None:
    """The file follows the specification of Compose, and names nothing that is not there."""
    stack = PyCompose.from_yaml(COMPOSE.read_text())
    stack.validate()
    assert set(stack.service_names()) == {"demo", "prometheus", "alertmanager", "tempo", "grafana"}
    with pytest.raises(Exception, match=r"imagee"):
        PyCompose.from_yaml(COMPOSE.read_text().replace("image:", "imagee:"))


def test_compose_mounts_files_that_are_there() -> None:
    """What is mounted from the repository exists, and named volumes are declared."""
    stack = load(COMPOSE)
    for service in stack["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (EXAMPLES / source).resolve().exists(), volume
            else:
                assert source in stack["volumes"]


def test_parts_of_the_stack_know_each_other() -> None:
    """Whoever is asked or told by name is a service of the stack, at a port it listens on."""
    stack = load(COMPOSE)
    prometheus = load(EXAMPLES / "prometheus.yml")
    tempo = load(EXAMPLES / "tempo.yml")
    named = [
        target
        for job in prometheus["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    ]
    named += prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    for source in provisioning.datasources()["datasources"]:
        named.append(source["url"].removeprefix("http://"))
    named.append(stack["services"]["demo"]["environment"]["AGENTMON_TRACES"].partition("//")[2])
    listening = {
        f"{name}:{port.rpartition(':')[2]}"
        for name, service in stack["services"].items()
        for port in (*service.get("ports", ()), *service.get("expose", ()))
    }
    assert {each for each in named if not each.startswith("localhost:")} <= listening
    assert tempo["server"]["http_listen_port"] == 3200
    flags = stack["services"]["prometheus"]["command"]
    assert "--enable-feature=exemplar-storage" in flags


@pytest.mark.servers
@pytest.mark.parametrize("promtool", ["promtool2", "promtool3"])
def test_the_stacks_prometheus_takes_its_configuration(promtool: str) -> None:
    """With the rules where the stack mounts them."""
    done = subprocess.run(
        [required(promtool), "check", "config", "--syntax-only", EXAMPLES / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_was_not_run_says_so() -> None:
    """The header of each file that nobody could run here."""
    for path in (*OPERATOR.glob("*.yml"), *EXAMPLES.glob("*.yml")):
        if path.name != "prometheus.yml":
            assert path.read_text().splitlines()[1].startswith("# Not run: "), path
