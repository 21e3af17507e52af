"""Alerts and dashboard: each alert is proven by its fault, and each metric in them exists."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from lake_server import Lake

OPS = Path(__file__).parents[3] / "ops"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="Debian's package prometheus is absent"
)
METRIC = re.compile(r"\b(?:lakehouse|process)_[a-z_]+")


def alerts() -> list[dict[str, str]]:
    return list(yaml.safe_load((OPS / "alerts.yml").read_text())["groups"][0]["rules"])


def panels() -> list[dict[str, object]]:
    return list(json.loads((OPS / "dashboard.json").read_text())["panels"])


def dashboard() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]  # type: ignore[attr-defined]


def promtool(*words: str, cwd: Path = OPS) -> None:
    done = subprocess.run([PROMTOOL, *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_metric_in_alerts_and_dashboard_exists(lake: Lake) -> None:
    lake.ask("GET", "/health")
    text = lake.ask("GET", "/metrics").body.decode()
    there = set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.MULTILINE))
    expressions = [rule["expr"] for rule in alerts()] + dashboard()
    used = {name for each in expressions for name in METRIC.findall(each)}
    assert used <= there
    assert len(used) > 15


def test_each_alert_has_a_test_of_its_own_that_raises_it_and_one_that_does_not() -> None:
    tests = yaml.safe_load((OPS / "alerts_test.yml").read_text())["tests"]
    cases = [case for each in tests for case in each["alert_rule_test"]]
    raised = {case["alertname"] for case in cases if case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert raised == silent == {rule["alert"] for rule in alerts()}


@needs_promtool
def test_each_alert_is_raised_by_its_fault_and_by_nothing_else() -> None:
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts_test.yml")


@needs_promtool
def test_each_query_of_the_dashboard_can_be_evaluated(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel_{number}", "expr": expr.replace("$instance", ".*")}
        for number, expr in enumerate(dashboard())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(file), cwd=tmp_path)


def test_the_dashboard_s_panels_stand_beside_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]  # type: ignore[index]
    assert len(set(places)) == len(places) >= 10
    assert len({panel["id"] for panel in panels()}) == len(places)
