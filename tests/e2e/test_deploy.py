"""ops/deploy: the files are valid, agree with the settings, and give as few rights as they promise."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from process import CHECKOUT, clean_environment

from lakehouse.config import load

DEPLOY = CHECKOUT / "ops" / "deploy"
UNIT = DEPLOY / "lakehouse.service"
SYSTEMD = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(SYSTEMD is None, reason="systemd-analyze is absent")
MOST_EXPOSED = 2.0


def manifests() -> dict[str, Any]:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    return {document["kind"]: document for document in documents}


def pod() -> dict[str, Any]:
    return dict(manifests()["Deployment"]["spec"]["template"]["spec"])


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and what follows each."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


@needs_systemd
def test_the_unit_is_valid_and_hardly_exposed(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/lakehouse/bin/lakehouse", shutil.which("true")))
    environ = os.environ | {"SYSTEMD_LOG_LEVEL": "warning"}
    done = subprocess.run(
        [SYSTEMD, "verify", str(unit)], capture_output=True, text=True, check=False, env=environ
    )
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        [SYSTEMD, "security", "--offline=true", str(unit)],
        capture_output=True, text=True, check=False, env=environ,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done
    assert float(found[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("kind", ["ConfigMap", "Deployment", "Service", "PodDisruptionBudget"])
def test_each_manifest_is_valid_by_the_schema_of_the_api(kind: str) -> None:
    assert manifests().keys() == {"ConfigMap", "Deployment", "Service", "PodDisruptionBudget"}
    kubernetes_validate.validate(manifests()[kind], "1.32", strict=True)


def test_a_pod_has_no_rights_that_it_does_not_need() -> None:
    (container,) = pod()["containers"]
    allowed = container["securityContext"]
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["runAsUser"] > 0
    assert allowed["readOnlyRootFilesystem"] is True
    assert allowed["allowPrivilegeEscalation"] is False
    assert allowed["capabilities"] == {"drop": ["ALL"]}
    assert pod()["automountServiceAccountToken"] is False


def test_names_of_the_manifests_lead_to_each_other() -> None:
    found = manifests()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    for kind in ("Service", "PodDisruptionBudget"):
        selector = found[kind]["spec"]["selector"]
        assert selector.get("matchLabels", selector).items() <= labels
    (container,) = pod()["containers"]
    volumes = {volume["name"] for volume in pod()["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    ports = {port["name"] for port in container["ports"]}
    probes = [container[name]["httpGet"] for name in container if name.endswith("Probe")]
    assert len(probes) == 3
    assert {probe["port"] for probe in probes} == ports
    assert {probe["path"] for probe in probes} == {"/ready", "/health"}


def test_the_manifest_s_settings_are_settings_that_can_be_served() -> None:
    text = manifests()["ConfigMap"]["data"]["lakehouse.toml"]
    settings = load(tomllib.loads(text), {}, None)
    (container,) = pod()["containers"]
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    for path in (settings.tls_cert, settings.tls_key, settings.spool_dir, settings.secrets_file):
        assert path is not None
        assert path.startswith(tuple(mounts))
    assert settings.host == "0.0.0.0"
    assert pod()["terminationGracePeriodSeconds"] > settings.drain_s


def test_a_pod_s_start_copies_the_secrets_for_its_user_alone(tmp_path: Path) -> None:
    (container,) = pod()["containers"]
    shell, option, script, name = container["command"]
    for path in ("/etc/lakehouse", "/var/lib/lakehouse"):
        (tmp_path / path.lstrip("/")).mkdir(parents=True)
        script = script.replace(path, str(tmp_path / path.lstrip("/")))
    mounted = tmp_path / "etc/lakehouse/s3"
    mounted.mkdir()
    (mounted / "secrets.toml").write_text('aws_access_key_id = "a"\n')
    (mounted / "secrets.toml").chmod(0o440)
    stub = tmp_path / "bin" / "lakehouse"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\necho "$@"; kill 0\n')
    stub.chmod(0o755)
    done = subprocess.run(
        [shell, option, script, name, *container["args"]],
        capture_output=True, text=True, check=False, timeout=120, start_new_session=True,
        env={"PATH": f"{stub.parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stdout.split() == container["args"], done
    copied = tmp_path / "var/lib/lakehouse/secrets.toml"
    assert copied.stat().st_mode & 0o777 == 0o600
    assert copied.read_text() == 'aws_access_key_id = "a"\n'


def test_compose_runs_processes_without_rights_on_a_store_of_its_own() -> None:
    services = compose()["services"]
    assert services["writer"] == services["reader"]
    process = services["writer"]
    assert process["read_only"] is True
    assert process["cap_drop"] == ["ALL"]
    assert "ports" not in process
    for name, service in services.items():
        assert {*service.get("depends_on", {})} <= services.keys(), name
        assert {*service.get("networks", [])} <= {*compose()["networks"], "default"}, name
    build = process["build"]
    root = (DEPLOY / build["context"]).resolve()
    assert (root / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")


def test_compose_s_environment_is_settings_that_can_be_served() -> None:
    environ = compose()["services"]["writer"]["environment"]
    settings = load({}, environ, None)
    assert settings.bucket == "s3://lake"
    assert settings.behind_proxy == (
        compose()["networks"]["inside"]["ipam"]["config"][0]["subnet"],
    )


def test_the_image_runs_as_another_user_than_root() -> None:
    found = instructions()
    last_stage = found[max(n for n, (name, _) in enumerate(found) if name == "FROM") :]
    users = [value for name, value in last_stage if name == "USER"]
    assert users == ["10001:10001"]
    assert ("ENTRYPOINT", '["lakehouse"]') in last_stage
    assert ("CMD", '["serve"]') in last_stage


def test_the_rehearsal_knows_every_instruction() -> None:
    rehearse = runpy.run_path(str(DEPLOY / "rehearse"))
    first, last = rehearse["stages"]()
    assert [("FROM", ""), *first, ("FROM", ""), *last] == [
        (name, "" if name == "FROM" else value) for name, value in instructions()
    ]
    assert {name for name, _ in [*first, *last]} <= {*rehearse["STEPS"], *rehearse["OF_START"]}
    start = rehearse["command"](Path("/root"), Path("/volume"), last, 1)[-1]
    assert "--reuid 10001 --regid 10001" in start and "remount,ro" in start
    assert start.rstrip().endswith("lakehouse serve --port 1")


def test_what_the_image_copies_is_all_that_an_installation_needs(tmp_path: Path) -> None:
    """The COPYs of the first stage into an empty directory, then its pip, without dependencies."""
    source, target = tmp_path / "src", tmp_path / "installed"
    source.mkdir()
    for name, value in instructions():
        if name == "COPY" and not value.startswith("--from"):
            *copied, to = value.split()
            for each in copied:
                _copy(CHECKOUT / each, source / to / (each if to == "./" else ""))
    pip = tmp_path / "venv" / "bin" / "pip"
    subprocess.run([sys.executable, "-m", "venv", str(pip.parents[1])], check=True)
    install = [str(pip), "install", "--quiet", "--no-deps", "--target", str(target)]
    done = subprocess.run([*install, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    environ = clean_environment() | {"PYTHONPATH": str(target), "PYTHONDONTWRITEBYTECODE": "1"}
    listed = subprocess.run(
        [sys.executable, "-m", "lakehouse", "datasets", "--json", "--bucket", str(tmp_path / "b")],
        capture_output=True, text=True, check=False, env=environ, cwd=tmp_path,
    )  # fmt: skip
    assert "lake_not_found" in listed.stdout + listed.stderr
    there = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    wanted = {
        path.relative_to(CHECKOUT).as_posix()
        for top in ("journal", "projections", "lakehouse")
        for path in (CHECKOUT / top).rglob("*.py")
    }
    assert wanted <= there


def _copy(origin: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if origin.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(origin, to, dirs_exist_ok=True, ignore=ignored)
    else:
        shutil.copy(origin, to)
