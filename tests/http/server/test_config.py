"""Settings: which place wins, what is refused by name, and that secrets are never shown."""

import os
from pathlib import Path

import pytest

from lakehouse.config import ConfigError, Settings, load
from lakehouse.secrets_file import load_iceberg_pair, load_secrets

pytestmark = pytest.mark.usefixtures("elsewhere")
SECRET = "s3cr3t-v4lue"


def write(text: str, name: str = "lakehouse.toml", mode: int = 0o600) -> Path:
    path = Path(name)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_options_come_before_environment_before_file_before_defaults() -> None:
    write('bucket = "of-file"\nport = 1\nthreads = 7\n')
    environ = {"LAKEHOUSE_BUCKET": "of-environment", "LAKEHOUSE_PORT": "2", "OTHER": "x"}
    settings = load({"bucket": "of-options", "port": None}, environ, None)
    assert (settings.bucket, settings.port, settings.threads) == ("of-options", 2, 7)
    assert settings.host == Settings().host == "127.0.0.1"
    assert load({}, {}, None).port == 1


def test_without_anything_there_are_defaults() -> None:
    assert load({}, {}, None) == Settings()
    assert Settings().port == 3110


def test_a_file_that_is_named_is_used_instead() -> None:
    write("port = 1\n")
    assert load({}, {}, write("port = 2\n", "other.toml")).port == 2
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        load({}, {}, Path("absent.toml"))


@pytest.mark.parametrize("service", ["LAKEHOUSE", "LAKEHOUSE_READERS"])
def test_variables_that_kubernetes_sets_for_a_service_are_ignored(service: str) -> None:
    environ = {
        f"{service}_SERVICE_HOST": "10.0.0.11",
        f"{service}_SERVICE_PORT": "3110",
        f"{service}_SERVICE_PORT_HTTP": "3110",
        f"{service}_PORT": "tcp://10.0.0.11:3110",
        f"{service}_PORT_3110_TCP": "tcp://10.0.0.11:3110",
        f"{service}_PORT_3110_TCP_PROTO": "tcp",
        f"{service}_PORT_3110_TCP_PORT": "3110",
        f"{service}_PORT_3110_TCP_ADDR": "10.0.0.11",
    }
    assert load({}, environ, None) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAKEHOUSE_PROT", "3111"),
        ("LAKEHOUSE_SERVICE", "x"),
        ("LAKEHOUSE_SERVICE_HOSTS", "x"),
        ("LAKEHOUSE_PORT_TCP", "3110"),
        ("LAKEHOUSE_PORT", "udp:3110"),
    ],
)
def test_a_misspelt_variable_is_refused_although_kubernetes_has_similar_ones(
    name: str, value: str
) -> None:
    with pytest.raises(ConfigError):
        load({}, {name: value}, None)


def test_an_empty_variable_is_not_set() -> None:
    assert load({}, {"LAKEHOUSE_SPOOL_DIR": "", "LAKEHOUSE_PORT": ""}, None) == Settings()


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("nonsense = 1\n", {}),
        ("[nonsense]\nport = 1\n", {}),
        ("", {"LAKEHOUSE_NONSENSE": SECRET}),
        (f'nonsense = "{SECRET}"\n', {}),
    ],
)
def test_an_unknown_setting_is_refused_by_name(text: str, environ: dict[str, str]) -> None:
    write(text)
    with pytest.raises(ConfigError, match="nonsense") as reported:
        load({}, environ, None)
    assert SECRET not in str(reported.value)


@pytest.mark.parametrize("name", ["aws_secret_access_key", "aws_access_key_id"])
def test_secrets_have_no_place_among_the_settings(name: str) -> None:
    write(f'{name} = "{SECRET}"\n')
    with pytest.raises(ConfigError, match=name) as reported:
        load({}, {}, None)
    assert SECRET not in str(reported.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"), ("port", "-1"), ("port", "x"), ("port", "1.5"), ("threads", "0"),
        ("query_workers", "0"), ("query_workers", "-1"), ("query_memory_mb", "0"),
        ("query_timeout_s", "0"), ("query_timeout_s", "-1"), ("query_timeout_s", "nan"),
        ("poll_interval_s", "0"), ("drain_s", "x"), ("log_level", "loud"), ("log_level", "INFO"),
    ],
)  # fmt: skip
def test_a_value_out_of_bounds_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load({}, {f"LAKEHOUSE_{name.upper()}": value}, None)


BEYOND = ["0.0.0.0", "::", "192.168.0.1", "example.org", "127.0.0.1.evil.example", " localhost"]
PROXY = {"behind_proxy": ["10.0.0.0/8"], "public_url": "https://lake.example"}


@pytest.mark.parametrize("host", BEYOND)
def test_an_address_beyond_loopback_needs_tls_or_a_proxy(host: str) -> None:
    with pytest.raises(ConfigError, match=r"^host .*loopback.*tls_cert.*behind_proxy"):
        load({"host": host}, {}, None)
    assert load({"host": host, "tls_cert": "a", "tls_key": "b"}, {}, None).host == host
    assert load({"host": host, **PROXY}, {}, None).host == host


def test_a_list_of_the_environment_is_separated_by_commas() -> None:
    environ = {
        "LAKEHOUSE_BEHIND_PROXY": "10.0.0.0/8, fd00::/8,",
        "LAKEHOUSE_PUBLIC_URL": "https://lake.example:8443",
        "LAKEHOUSE_ALLOWED_HOSTS": "a.example",
    }
    settings = load({}, environ, None)
    assert settings.behind_proxy == ("10.0.0.0/8", "fd00::/8")
    assert settings.allowed_hosts == ("a.example",)
    write('allowed_hosts = ["a", "b:1"]\n')
    assert load({}, {}, None).allowed_hosts == ("a", "b:1")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("tls_key", {"tls_cert": "a"}),
        ("tls_cert", {"tls_key": "a"}),
        ("public_url", {"behind_proxy": ["10.0.0.0/8"]}),
        ("behind_proxy", {**PROXY, "behind_proxy": ["10.0.0.1/8"]}),
        ("behind_proxy", {**PROXY, "behind_proxy": ["proxy.example"]}),
        ("public_url", {**PROXY, "public_url": "lake.example"}),
        ("public_url", {**PROXY, "public_url": "https://lake.example/base"}),
        ("public_url", {**PROXY, "public_url": "ftp://lake.example"}),
        ("allowed_origins", {"allowed_origins": ["null"]}),
        ("allowed_origins", {"allowed_origins": ["*"]}),
        ("allowed_origins", {"allowed_origins": ["https://app.example/"]}),
        ("allowed_hosts", {"allowed_hosts": ["https://lake.example"]}),
        ("allowed_hosts", {"allowed_hosts": ["*"]}),
    ],
)
def test_what_says_wrongly_how_the_server_is_reached_is_refused_by_name(
    name: str, settings: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match=f"^{name}"):
        load(settings, {}, None)


@pytest.mark.parametrize("text", ["port = ", "port", "\x00", "a = 1\na = 2\n"])
def test_a_file_that_is_no_toml_is_named(text: str) -> None:
    write(text)
    with pytest.raises(ConfigError, match=r"lakehouse\.toml"):
        load({}, {}, None)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o601, 0o777])
def test_secrets_that_others_can_use_are_refused(mode: int) -> None:
    write(f'aws_secret_access_key = "{SECRET}"\n', "secrets", mode)
    with pytest.raises(ConfigError, match="chmod 600") as reported:
        load_secrets(Settings(secrets_file="secrets"))
    assert SECRET not in str(reported.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_secrets_of_ones_own_are_read(mode: int) -> None:
    write(f'aws_secret_access_key = "{SECRET}"\n', "secrets", mode)
    secrets = load_secrets(Settings(secrets_file="secrets"))
    assert secrets == {"aws_secret_access_key": SECRET}


@pytest.mark.parametrize(
    "text",
    [
        f"aws_secret_access_key = {SECRET}\n",
        f'aws_secret_acess_key = "{SECRET}"\n',
        f'aws_secret_access_key = ["{SECRET}"]\n',
        f'[default]\naws_secret_access_key = "{SECRET}"\n',
    ],
)
def test_a_secrets_file_that_is_off_is_refused_without_its_words(text: str) -> None:
    write(text, "secrets")
    with pytest.raises(ConfigError, match="secrets file") as reported:
        load_secrets(Settings(secrets_file="secrets"))
    assert SECRET not in str(reported.value)
    assert SECRET not in repr(reported.value.__cause__) or "TOML" in str(reported.value)


PAIR = f'[iceberg]\naws_access_key_id = "id"\naws_secret_access_key = "{SECRET}"\n'


def test_the_pair_for_engines_is_none_of_the_servers_own_secrets() -> None:
    write('aws_access_key_id = "own"\n' + PAIR, "secrets")
    settings = Settings(secrets_file="secrets")
    assert load_iceberg_pair(settings) == ("id", SECRET)
    assert load_secrets(settings) == {"aws_access_key_id": "own"}
    assert load_iceberg_pair(Settings()) is None


@pytest.mark.parametrize(
    "text",
    [
        f'iceberg = "{SECRET}"\n',
        f'[iceberg]\naws_secret_access_key = "{SECRET}"\n',
        f'{PAIR}aws_session_token = "{SECRET}"\n',
        f'[iceberg]\naws_access_key_id = ""\naws_secret_access_key = "{SECRET}"\n',
        f'[iceberg]\naws_access_key_id = 1\naws_secret_access_key = "{SECRET}"\n',
    ],
)
def test_half_a_pair_for_engines_is_refused(text: str) -> None:
    write(text, "secrets")
    with pytest.raises(ConfigError, match="iceberg") as refused:
        load_iceberg_pair(Settings(secrets_file="secrets"))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("arn", ["reader", "arn:aws:iam::1:user/x", "arn:aws:iam::1:role/"])
def test_a_role_is_named_by_its_arn(arn: str) -> None:
    with pytest.raises(ConfigError, match="iceberg_role_arn"):
        load({"iceberg_role_arn": arn}, {}, None)


def test_an_absent_secrets_file_is_named() -> None:
    with pytest.raises(ConfigError, match="absent"):
        load_secrets(Settings(secrets_file=os.path.join(".", "absent")))


def test_the_settings_hold_no_secret_to_print() -> None:
    write(f'aws_secret_access_key = "{SECRET}"\n', "secrets")
    assert SECRET not in repr(load({"secrets_file": "secrets"}, {}, None))


def test_each_role_has_a_port_of_its_own_unless_one_is_named() -> None:
    assert load({"role": "sql"}, {}, None).port == 3214
    assert load({}, {"LAKEHOUSE_ROLE": "storage"}, None).port == 3211
    assert load({"role": "storage", "port": "7"}, {}, None).port == 7


def test_upstreams_come_from_a_table_whose_keys_the_environment_may_replace() -> None:
    write('[upstreams]\nstorage = "http://s/base"\nsql = ["http://a:1", "https://b"]\n')
    upstreams = load({}, {"LAKEHOUSE_UPSTREAMS_STORAGE": "http://x, http://y"}, None).upstreams
    assert upstreams.urls("storage") == ("http://x", "http://y")
    assert upstreams.urls("sql") == ("http://a:1", "https://b")
    assert upstreams.urls("ingest") == ("http://127.0.0.1:3213",)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:3211", "localhost", "//host", "ftp://host", "http://", "http://host:99999", "http://host:x",
        "http://host/a b", "http://host/?q", "http://host/#f", "http://[::1", "",
    ],
)  # fmt: skip
def test_an_upstream_that_is_no_url_is_refused_by_the_name_of_its_key(url: str) -> None:
    write(f'[upstreams]\nstorage = ["http://good", "{url}"]\n')
    with pytest.raises(ConfigError, match=r"upstreams\.storage"):
        load({}, {}, None)


def test_an_upstream_s_password_is_refused_and_not_printed() -> None:
    write(f'[upstreams]\nsql = "http://ana:{SECRET}@host"\n')
    with pytest.raises(ConfigError, match=r"upstreams\.sql") as error:
        load({}, {}, None)
    assert SECRET not in str(error.value)


def test_upstreams_of_no_role_and_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="upstreams"):
        load({}, {"LAKEHOUSE_UPSTREAMS_STORE": "http://x"}, None)
    write("[upstreams]\nstorage = []\n")
    with pytest.raises(ConfigError, match=r"upstreams\.storage"):
        load({}, {}, None)
