"""Settings: options before environment (`LAKEHOUSE_*`) before `lakehouse.toml` before defaults.

Unknown names are refused by name. Secrets come from a file of mode 0600 or from the AWS chain; they are
never in `lakehouse.toml` and never printed.
"""

import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from lakehouse.roles import ALL, PORTS, ROLES, SQL

PREFIX = "LAKEHOUSE_"
UPSTREAM_PREFIX = f"{PREFIX}UPSTREAMS_"
FILE = "lakehouse.toml"
TOKEN_VARIABLE = f"{PREFIX}TOKEN"
"""The variable with the token for `url`: a secret, and no setting."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SERVICE_VARIABLES = re.compile(
    r"LAKEHOUSE_(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
"""Variables that Kubernetes sets in every pod for a Service called `lakehouse` or `lakehouse-…`."""
_SERVICE_URL = re.compile(r"(?:tcp|udp|sctp)://.*")
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_ROLE = re.compile(r"arn:[a-z-]+:iam::[^:]*:role/\S+")
_ORIGIN = re.compile(rf"https?://{_HOST.pattern}")

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Several = Annotated[int, msgspec.Meta(ge=1, le=1_024)]
Megabytes = Annotated[int, msgspec.Meta(ge=16, le=1024 * 1024)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=24 * 3600)]
LogLevel = Literal["debug", "info", "warning", "error"]


class ConfigError(Exception):
    """A setting that cannot be used. Names it, its source and the reason; never a secret value."""


class Upstreams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the gateway finds each role: one URL, or several of which the first that answers is used."""

    storage: str | tuple[str, ...] = f"http://127.0.0.1:{ROLES['storage'].port}"
    catalog: str | tuple[str, ...] = f"http://127.0.0.1:{ROLES['catalog'].port}"
    ingest: str | tuple[str, ...] = f"http://127.0.0.1:{ROLES['ingest'].port}"
    sql: str | tuple[str, ...] = f"http://127.0.0.1:{ROLES['sql'].port}"

    def urls(self, role: str) -> tuple[str, ...]:
        """The URLs of one role."""
        found: str | tuple[str, ...] = getattr(self, role)
        return (found,) if isinstance(found, str) else found


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings. Each is `LAKEHOUSE_<NAME>` in the environment and `<name>` in the file."""

    bucket: str = "./bucket"
    """`s3://name[/prefix]`, `file:///dir` or a path."""
    url: str | None = None
    """The server that commands ask instead of the bucket."""
    token_file: str | None = None
    """File with the token for it."""
    host: str = "127.0.0.1"
    """Address to listen on. One beyond loopback needs TLS or a proxy, and a lake with a principal."""
    port: Port = PORTS["all"]
    """Port to listen on; each role has a default of its own."""
    flight_port: Port | None = None
    """Port of Arrow Flight SQL, on the same address and with the same certificate; None: it is off."""
    role: Literal["all", "gateway", "storage", "catalog", "ingest", "sql"] = "all"
    """Which part of the system this process is."""
    upstreams: Upstreams = Upstreams()
    """The URLs of the roles behind a gateway."""
    tls_cert: str | None = None
    """PEM file of the certificate and its chain."""
    tls_key: str | None = None
    """PEM file of its key."""
    behind_proxy: tuple[str, ...] = ()
    """Networks of the proxies in front, whose forwarded headers count."""
    public_url: str | None = None
    """Where the proxy publishes this server: `https://lake.example.com`."""
    allowed_hosts: tuple[str, ...] = ()
    """Values of the header Host to accept beside loopback's and `public_url`'s."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of other sites whose pages may send requests."""
    oidc_issuer: str | None = None
    """Issuer whose signed tokens are accepted: `https://login.example.com`."""
    oidc_audience: str | None = None
    """The audience that they must be for."""
    oidc_claim: str = "sub"
    """The claim that names the principal."""
    metrics_open: bool = False
    """Whether `/metrics` needs no token in a lake that has principals."""
    secrets_file: str | None = None
    """TOML file of mode 0600 with S3 credentials, and the token for `url`."""
    instance_metadata: bool = False
    """Whether S3 credentials may come from the machine's metadata service."""
    spool_dir: str | None = None
    """Directory for incoming bodies; None: inside a local bucket, else the temporary directory."""
    poll_interval_s: Seconds = 1.0
    """The interval at which other processes' changes are read."""
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1_000
    """Connections that may be open at a time; fewer where the limit of open files asks for it."""
    drain_s: Seconds = 20.0
    """How long a stop waits for accepted requests."""
    streams: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 500
    """Streams of rows that may be open at a time."""
    stream_group_s: Seconds = 1.0
    """How long a row of a stream waits at most for its group to be committed."""
    stream_group_kb: Annotated[int, msgspec.Meta(ge=1, le=16 * 1024)] = 1_024
    stream_idle_s: Seconds = 600.0
    """How long a stream may bring no byte."""
    threads: Several = 4
    """Threads that read and write files."""
    query_workers: Several = 2
    query_queue: Several = 256
    query_timeout_s: Seconds = 60.0
    query_cache_mb: Annotated[int, msgspec.Meta(ge=0, le=1024 * 1024)] = 64
    query_memory_mb: Megabytes = 2_048
    cache_dir: str | None = None
    """Where blocks of a remote bucket's objects are cached; None: below the spool directory."""
    cache_max_mb: Annotated[int, msgspec.Meta(ge=0, le=1024 * 1024 * 1024)] = 4_096
    compact_objects: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 64
    """A dataset with more small objects is compacted in the background; 0: none is."""
    source_directories: tuple[str, ...] = ()
    """The directories that watched sources may be in; none given: any that the process can read."""
    log_level: LogLevel = "info"
    otlp_endpoint: str | None = None
    """Base URL of a collector that takes traces by OTLP over HTTP."""
    otlp_headers: tuple[str, ...] = ()
    """Headers for it, each `name=value`."""
    audit: Literal["off", "refusals", "all"] = "refusals"
    """Which requests are recorded in the bucket: refused accesses, or all reads too."""
    audit_retention: Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,4}[dw]$")] = "90d"
    """For how long gc leaves the audit: days or weeks."""
    iceberg_writes: bool = False
    """Whether other engines may append to datasets through the Iceberg catalog."""
    iceberg_role_arn: str | None = None
    """Role that STS issues read-only keys for, to engines that read the lake's objects in S3."""
    iceberg_wait_s: Annotated[float, msgspec.Meta(ge=0, le=30 * 24 * 3600)] = 3_600.0
    """How long gc leaves marked objects to readers of other engines."""


def load(options: Mapping[str, object], environ: Mapping[str, str], file: Path | None) -> Settings:
    """Settings from all three places. `file` None: `lakehouse.toml` here, if there is one.

    Raises ConfigError.
    """
    named: dict[str, object] = {}
    for where, found in (
        (str(file or FILE), _from_file(file)),
        ("the environment", _from_environment(environ)),
        ("the options", {name: value for name, value in options.items() if value is not None}),
    ):
        named = _merged(named, found)
        _convert(named, where)
    settings = _convert(named, "the options")
    if "port" not in named:
        settings = msgspec.structs.replace(settings, port=PORTS[settings.role])
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Refuse values that cannot work. Raises ConfigError."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise ConfigError(f"{missing}: it is not set; TLS needs both tls_cert and tls_key")
    if settings.flight_port is not None and settings.role not in (ALL, SQL):
        detail = f"the role {settings.role} does not serve it; all and sql do"
        raise ConfigError(f"flight_port: {detail}")
    if settings.behind_proxy and settings.public_url is None:
        raise ConfigError("public_url: it is not set; behind_proxy needs it")
    if settings.host not in LOOPBACK and settings.tls_cert is None and not settings.behind_proxy:
        detail = "an address beyond loopback needs tls_cert and tls_key, or behind_proxy"
        raise ConfigError(f"host {settings.host!r}: {detail}")
    _check_names(settings)
    _check_issuer(settings)
    for role in ROLES:
        _check_upstreams(role, settings.upstreams.urls(role))


def _check_upstreams(role: str, urls: tuple[str, ...]) -> None:
    if not urls:
        raise ConfigError(f"upstreams.{role}: it is empty")
    for url in urls:
        if not _is_base_url(url):
            shown = "" if "@" in url else f" {url!r}"
            detail = "it is not http://host[:port][/path] or https://…"
            raise ConfigError(f"upstreams.{role}{shown}: {detail}")


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(_HOST.fullmatch(parts.netloc))
        return valid and (parts.port or 1) and not any(mark in url for mark in "?# \\")
    except ValueError:
        return False


def _check_issuer(settings: Settings) -> None:
    if (settings.oidc_issuer is None) != (settings.oidc_audience is None):
        missing = "oidc_audience" if settings.oidc_audience is None else "oidc_issuer"
        raise ConfigError(f"{missing}: it is not set; signed tokens need both")
    url = settings.oidc_issuer
    if url is not None and not (
        _is_base_url(url) and (url.startswith("https://") or urlsplit(url).hostname in LOOPBACK)
    ):
        raise ConfigError("oidc_issuer: it is not https://host[:port][/path]")


def _check_names(settings: Settings) -> None:
    for network in settings.behind_proxy:
        try:
            ip_network(network)
        except ValueError as error:
            raise ConfigError(f"behind_proxy: {error}") from error
    origins = [("allowed_origins", each) for each in settings.allowed_origins]
    if settings.public_url is not None:
        origins.append(("public_url", settings.public_url))
    for name, origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigError(f"{name} {origin!r}: it is not scheme://host[:port] without a path")
    if not all("=" in header for header in settings.otlp_headers):
        raise ConfigError("otlp_headers: each is name=value")
    if settings.iceberg_role_arn is not None and not _ROLE.fullmatch(settings.iceberg_role_arn):
        raise ConfigError("iceberg_role_arn: it is not arn:aws:iam::<account>:role/<name>")
    for host in settings.allowed_hosts:
        if not _HOST.fullmatch(host):
            raise ConfigError(f"allowed_hosts {host!r}: it is not host[:port]")


def _from_file(file: Path | None) -> dict[str, object]:
    path = file or Path(FILE)
    if file is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """The variables that are not empty, without those of Kubernetes and `LAKEHOUSE_TEST_*`."""
    found: dict[str, object] = {}
    upstreams: dict[str, object] = {}
    for name, value in environ.items():
        left = name == TOKEN_VARIABLE or name.startswith(f"{PREFIX}TEST_")
        if left or not value or not name.startswith(PREFIX):
            continue
        if name.startswith(UPSTREAM_PREFIX):
            upstreams[name.removeprefix(UPSTREAM_PREFIX).lower()] = _elements(value)
        elif not _is_of_a_service(name, value):
            setting = name.removeprefix(PREFIX).lower()
            found[setting] = _listed(setting, value)
    return found | ({"upstreams": upstreams} if upstreams else {})


def _listed(name: str, value: str) -> object:
    """The elements of a list, which the environment separates by commas; else the value as it is."""
    if not isinstance(getattr(Settings(), name, None), tuple):
        return value
    return _elements(value)


def _elements(value: str) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()]


def _is_of_a_service(name: str, value: str) -> bool:
    is_url = name.endswith("_PORT") and _SERVICE_URL.fullmatch(value) is not None
    return is_url or _SERVICE_VARIABLES.fullmatch(name) is not None


def _merged(named: dict[str, object], found: Mapping[str, object]) -> dict[str, Any]:
    """`named` with what was found later; a table is merged by its keys."""
    merged: dict[str, Any] = {**named, **found}
    for name, earlier in named.items():
        later = found.get(name)
        if isinstance(earlier, dict) and isinstance(later, dict):
            merged[name] = {**earlier, **later}
    return merged


def _convert(named: Mapping[str, object], where: str) -> Settings:
    unknown = sorted(set(named) - set(Settings.__struct_fields__))
    if unknown:
        raise ConfigError(f"{where}: unknown setting {', '.join(unknown)}")
    try:
        return msgspec.convert(named, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
