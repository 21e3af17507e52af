"""GET /metrics: what Prometheus reads, and that each metric is documented."""

from pathlib import Path

import pytest
from lake_server import Lake
from prometheus_client.parser import text_string_to_metric_families

DOCUMENT = Path(__file__).parents[3] / "lakehouse" / "web" / "METRICS.md"


def scraped(lake: Lake) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Samples by name and labels."""
    answer = lake.ask("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = text_string_to_metric_families(answer.body.decode())
    samples = [sample for family in families for sample in family.samples]
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for each in samples}


def test_metrics_tell_how_things_stand(own_lake: Lake) -> None:
    own_lake.put("a")
    own_lake.put("b")
    own_lake.register("one", "a")
    found = scraped(own_lake)
    for name, value in (
        ("lakehouse_journal_seq", 3),
        ("lakehouse_journal_slot", 3),
        ("lakehouse_datasets", 1),
        ("lakehouse_keys", 2),
        ("lakehouse_versions", 2),
        ("lakehouse_slots_committed_total", 3),
        ("lakehouse_events_committed_total", 3),
        ("lakehouse_races_lost_total", 0),
        ("lakehouse_changes_waiting", 0),
        ("lakehouse_halted", 0),
        ("lakehouse_queries_running", 0),
    ):
        assert found[name, ()] == value, name


def answers(lake: Lake, method: str, route: str, status: str) -> float:
    labels = (("method", method), ("route", route), ("status", status))
    return scraped(lake).get(("lakehouse_http_answers_total", labels), 0)


def test_answers_are_counted_by_route_and_never_by_what_a_client_makes_up(own_lake: Lake) -> None:
    own_lake.put("secret-key")
    own_lake.get("secret-key")
    own_lake.get("absent")
    own_lake.ask("GET", "/made/up")
    own_lake.ask("PATCH", "/health")
    assert answers(own_lake, "PUT", "/v1/storage/put/{key}", "200") == 1
    assert answers(own_lake, "GET", "/v1/storage/get/{key}", "200") == 1
    assert answers(own_lake, "GET", "/v1/storage/get/{key}", "404") == 1
    assert answers(own_lake, "other", "none", "404") == 1
    assert answers(own_lake, "other", "none", "405") == 1
    text = own_lake.ask("GET", "/metrics").body.decode()
    assert "secret" not in text
    assert "made/up" not in text
    assert "PATCH" not in text


def test_each_metric_is_documented_and_nothing_else(own_lake: Lake) -> None:
    lines = DOCUMENT.read_text().splitlines()
    documented = [line.split("`")[1] for line in lines if line.startswith("| `lakehouse")]
    families = text_string_to_metric_families(own_lake.ask("GET", "/metrics").body.decode())
    reported = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in families
        if family.name.startswith("lakehouse")
    }
    assert reported == set(documented)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_metrics_are_only_read(own_lake: Lake, method: str) -> None:
    assert own_lake.ask(method, "/metrics").status == 405
