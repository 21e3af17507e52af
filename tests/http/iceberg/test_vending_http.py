"""The keys that engines get with a table: what they open in a real store, and who gets them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from lake_server import Lake, running_lake
from principals import closed, principal
from s3_server import ACCESS_KEY, SECRET_KEY, Radosgw

from lakehouse.config import ConfigError

TABLE = "/iceberg/v1/namespaces/lake/tables/t"
READER, READER_SECRET = "reader-of-engines", "reader-secret-0123456789"


@pytest.fixture
def bucket(issuing_s3: Radosgw) -> str:
    return issuing_s3.server.make_bucket()


@contextmanager
def lake_on(
    gateway: Radosgw, bucket: str, directory: Path, pair: str = "", **settings: Any
) -> Iterator[Lake]:
    secrets = directory / "secrets.toml"
    own = f'aws_access_key_id = "{ACCESS_KEY}"\naws_secret_access_key = "{SECRET_KEY}"\n'
    secrets.write_text(own + pair)
    secrets.chmod(0o600)
    settings |= {"secrets_file": str(secrets), "spool_dir": str(directory / "spool")}
    settings["bucket"] = f"s3://{bucket}/the/lake"
    environ = {"AWS_ENDPOINT_URL": gateway.server.endpoint_url}
    with running_lake(directory, queries=False, environ=environ, **settings) as lake:
        assert lake.ingest("name=t", b"a\n1\n").status == 200
        assert lake.put("raw/x.csv").status == 200
        yield lake


def iceberg_table(id_: str = READER, secret: str = READER_SECRET) -> str:
    return f'[iceberg]\naws_access_key_id = "{id_}"\naws_secret_access_key = "{secret}"\n'


def vended(lake: Lake, client: Any = None) -> dict[str, str]:
    answer = (client or lake).ask("GET", TABLE)
    assert answer.status == 200, answer.body
    assert SECRET_KEY.encode() not in answer.body
    assert ACCESS_KEY.encode() not in answer.body
    config: dict[str, str] = answer.json["config"]
    location = answer.json["metadata"]["location"]
    assert answer.json["storage-credentials"] == [{"prefix": location, "config": config}]
    return config


def check_reach(gateway: Radosgw, bucket: str, config: Mapping[str, str]) -> None:
    """The keys read every object of the lake's data and metadata, and can do nothing else."""
    with gateway.server.client() as own:
        found = own.list_objects_v2(Bucket=bucket)["Contents"]
        own.put_object(Bucket=bucket, Key="another/lake/datasets/x", Body=b"x")
    keys = [each["Key"] for each in found]
    for prefix in ("datasets/", "objects/", "_iceberg/", "_journal/"):
        assert any(key.startswith(f"the/lake/{prefix}") for key in keys)
    with engine_of(config) as engine:
        for key in [*keys, "another/lake/datasets/x"]:
            open_to_engines = key.startswith(
                ("the/lake/datasets/", "the/lake/objects/", "the/lake/_iceberg/")
            )
            allowed(open_to_engines, engine.get_object, Bucket=bucket, Key=key)
            allowed(False, engine.put_object, Bucket=bucket, Key=key, Body=b"x")
            allowed(False, engine.delete_object, Bucket=bucket, Key=key)
        allowed(False, engine.put_object, Bucket=bucket, Key="the/lake/datasets/new", Body=b"x")
        allowed(False, engine.list_objects_v2, Bucket=bucket)


@contextmanager
def engine_of(config: Mapping[str, str]) -> Iterator[Any]:
    """A client that has what an engine was given."""
    engine = boto3.client(
        "s3",
        endpoint_url=config["s3.endpoint"],
        region_name=config["s3.region"],
        aws_access_key_id=config["s3.access-key-id"],
        aws_secret_access_key=config["s3.secret-access-key"],
        aws_session_token=config.get("s3.session-token"),
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
    yield engine
    engine.close()


def allowed(wanted: bool, call: Any, **arguments: Any) -> None:
    try:
        call(**arguments)
        found = True
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"
        found = False
    assert found == wanted, (call.__name__, arguments)


def test_keys_of_a_role(issuing_s3: Radosgw, bucket: str, tmp_path: Path) -> None:
    role = issuing_s3.make_role("engines")
    with lake_on(issuing_s3, bucket, tmp_path, iceberg_role_arn=role) as lake:
        config = vended(lake)
        assert vended(lake) == config, "issued once"
        check_reach(issuing_s3, bucket, config)
        assert int(config["s3.session-token-expires-at-ms"]) > 0


def test_writers_of_a_table_can_stage_files_and_no_more(
    issuing_s3: Radosgw, bucket: str, tmp_path: Path
) -> None:
    role = issuing_s3.make_role("writers")
    with lake_on(issuing_s3, bucket, tmp_path, iceberg_role_arn=role, iceberg_writes=True) as lake:
        lake.token = closed(lake)
        everything = {"*": ["read"], "storage:*": ["read"]}
        reader = principal(lake, "reader", everything)
        check_reach(issuing_s3, bucket, vended(lake, reader))
        writer = principal(lake, "writer", {**everything, "t": ["write"]})
        config = vended(lake, writer)
        check_reach(issuing_s3, bucket, config)
        loaded = writer.ask("GET", TABLE).json["metadata"]
        staging = loaded["properties"]["write.data.path"].removeprefix(f"s3://{bucket}/")
        with engine_of(config) as engine:
            allowed(True, engine.put_object, Bucket=bucket, Key=f"{staging}/x", Body=b"x")
            allowed(False, engine.delete_object, Bucket=bucket, Key=f"{staging}/x")
            other = staging.replace(loaded["table-uuid"], "another")
            allowed(False, engine.put_object, Bucket=bucket, Key=f"{other}/x", Body=b"x")


def test_only_who_may_read_everything_gets_keys(
    issuing_s3: Radosgw, bucket: str, tmp_path: Path
) -> None:
    role = issuing_s3.make_role("closed")
    with lake_on(issuing_s3, bucket, tmp_path, iceberg_role_arn=role) as lake:
        lake.token = closed(lake)
        assert "s3.access-key-id" in vended(lake)
        everything = {"*": ["read"], "storage:*": ["read"]}
        assert "s3.access-key-id" in vended(lake, principal(lake, "all", everything))
        for number, grants in enumerate(
            [{"t": ["read"]}, {"*": ["read"]}, {"*": ["read"], "storage:raw/*": ["read"]}]
        ):
            config = vended(lake, principal(lake, f"some{number}", grants))
            assert set(config) == {
                *("s3.region", "client.region", "s3.endpoint", "s3.path-style-access")
            }
        nobody = principal(lake, "nobody", {"other": ["read"]}).ask("GET", TABLE)
        assert nobody.status == 404


def test_a_pair_of_the_secrets_file(issuing_s3: Radosgw, bucket: str, tmp_path: Path) -> None:
    issuing_s3.make_user(READER, READER_SECRET)
    below = [f"arn:aws:s3:::{bucket}/the/lake/{d}/*" for d in ("datasets", "objects", "_iceberg")]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam:::user/{READER}"]},
        "Action": ["s3:GetObject"],
        "Resource": below,
    }
    policy = msgspec.json.encode({"Version": "2012-10-17", "Statement": [statement]}).decode()
    with issuing_s3.server.client() as own:
        own.put_bucket_policy(Bucket=bucket, Policy=policy)
    with lake_on(issuing_s3, bucket, tmp_path, iceberg_table()) as lake:
        config = vended(lake)
        assert (config["s3.access-key-id"], config.get("s3.session-token")) == (READER, None)
        check_reach(issuing_s3, bucket, config)


def test_without_a_role_or_a_pair_there_are_no_keys(
    issuing_s3: Radosgw, bucket: str, tmp_path: Path
) -> None:
    with lake_on(issuing_s3, bucket, tmp_path) as lake:
        assert "s3.access-key-id" not in vended(lake)


def test_the_servers_own_keys_are_refused(issuing_s3: Radosgw, bucket: str, tmp_path: Path) -> None:
    pair = iceberg_table(ACCESS_KEY, SECRET_KEY)
    with pytest.raises(ConfigError, match="own keys") as refused:
        lake_on(issuing_s3, bucket, tmp_path, pair).__enter__()
    assert SECRET_KEY not in str(refused.value)


def test_a_role_that_cannot_be_assumed(issuing_s3: Radosgw, bucket: str, tmp_path: Path) -> None:
    role = "arn:aws:iam:::role/nobodys"
    with lake_on(issuing_s3, bucket, tmp_path, iceberg_role_arn=role) as lake:
        answer = lake.ask("GET", TABLE)
        assert answer.status >= 500
        assert answer.json["error"]["type"] == "ServiceFailureException"
        assert "iceberg_role_arn" in answer.json["error"]["message"]
