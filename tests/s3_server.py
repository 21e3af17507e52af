"""The S3 server that tests run against: the realest one that this machine has.

In this order: an endpoint named in the environment (LAKEHOUSE_TEST_S3_ENDPOINT, _ACCESS_KEY,
_SECRET_KEY), a container, Ceph's radosgw, moto. Nothing skips; where CI is set, moto is refused.
"""

import contextlib
import gc
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import ClientError

ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key-0123456789"
REGION = "us-east-1"
START_TIMEOUT_S = 60

# MinIO withdrew its images in September 2026. Earlier SeaweedFS let several writers win one key
# (github.com/seaweedfs/seaweedfs/issues/8800), so the container must first show that it does not.
IMAGE = "docker.io/chrislusf/seaweedfs:4.47"
_IMAGE_START = (
    'printf \'{{"identities":[{{"name":"ci","credentials":[{{"accessKey":"{access}",'
    '"secretKey":"{secret}"}}],"actions":["Admin","Read","Write","List","Tagging"]}}]}}\' > /s3.json'
    " && exec weed server -dir=/data -s3 -s3.port=8333 -s3.config=/s3.json"
)


class S3Server(msgspec.Struct, frozen=True):
    """A running server and the credentials that it accepts."""

    kind: str
    """environment, container, radosgw or moto."""
    endpoint_url: str
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """A plain boto3 client: another reader than the code under test."""
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        with contextlib.closing(client):
            yield client

    def make_bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"test-{secrets.token_hex(8)}"
        with self.client() as client:
            client.create_bucket(Bucket=name)
        return name


class Radosgw:
    """Ceph's S3 server in a directory. With bluestore its data survive `kill` and another `start`."""

    def __init__(self, directory: Path, store: str) -> None:
        self._directory = directory
        self._store = store
        self._port = free_ports(3)

    @property
    def server(self) -> S3Server:
        return S3Server("radosgw", f"http://127.0.0.1:{self._port}")

    def start(self) -> None:
        self._run("start", str(self._port), ACCESS_KEY, SECRET_KEY, self._store)

    def kill(self) -> None:
        """kill -9, as a crash would."""
        self._run("stop")

    def make_role(self, name: str) -> str:
        """The ARN of a role that may do everything in S3, and that the server's user may assume."""
        trusted = {"Principal": {"AWS": ["arn:aws:iam:::user/ci"]}, "Action": ["sts:AssumeRole"]}
        policy = {"Action": ["s3:*"], "Resource": "arn:aws:s3:::*"}
        self._admin(
            "role",
            "create",
            f"--role-name={name}",
            f"--assume-role-policy-doc={_allowing(trusted)}",
        )
        self._admin(
            *("role-policy", "put", f"--role-name={name}", "--policy-name=all"),
            f"--policy-doc={_allowing(policy)}",
        )
        return f"arn:aws:iam:::role/{name}"

    def make_user(self, name: str, secret_key: str) -> None:
        """A user whose access key has the user's name."""
        keys = (f"--access-key={name}", f"--secret-key={secret_key}")
        self._admin("user", "create", f"--uid={name}", f"--display-name={name}", *keys)

    def _admin(self, *arguments: str) -> None:
        command = ["radosgw-admin", "-c", str(self._directory / "ceph.conf"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    def _run(self, command: str, *arguments: str) -> None:
        script = Path(__file__).with_name("rgw.sh")
        # Not a pipe: the daemons inherit it and would keep it open for ever.
        with (self._directory.parent / f"{self._directory.name}.log").open("w+") as log:
            done = subprocess.run(
                [script, command, self._directory, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                check=False,
            )
            log.seek(0)
            assert done.returncode == 0, f"radosgw did not {command}: {log.read()}"


def _allowing(what: dict[str, Any]) -> str:
    """A policy document, without the spaces that Ceph would not read."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **what}]}
    return msgspec.json.encode(document).decode()


@contextlib.contextmanager
def running_s3_server(directory: Path, environ: Mapping[str, str]) -> Iterator[S3Server]:
    """The realest server of this machine, stopped at the end whatever happened."""
    if endpoint := environ.get("LAKEHOUSE_TEST_S3_ENDPOINT"):
        yield S3Server(
            "environment",
            endpoint,
            environ["LAKEHOUSE_TEST_S3_ACCESS_KEY"],
            environ["LAKEHOUSE_TEST_S3_SECRET_KEY"],
        )
        return
    with contextlib.ExitStack() as stack:
        yield _container(stack) or _radosgw(stack, directory) or _moto(stack, environ)


def free_ports(count: int) -> int:
    """The first of `count` free ports in a row, below the range of ports given to clients."""
    while True:
        first = 20_000 + secrets.randbelow(10_000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first


def _container(stack: contextlib.ExitStack) -> S3Server | None:
    if not _has_docker():
        return None
    from testcontainers.core.container import DockerContainer

    command = _IMAGE_START.format(access=ACCESS_KEY, secret=SECRET_KEY)
    container = DockerContainer(IMAGE, entrypoint="sh").with_command(["-c", command])
    try:
        stack.enter_context(container.with_exposed_ports(8333))
        host, port = container.get_container_host_ip(), container.get_exposed_port(8333)
        server = S3Server("container", f"http://{host}:{port}")
        _wait_for(server.endpoint_url)
        _expect_one_winner(server)
        return server
    except Exception as error:  # noqa: BLE001 - whatever docker says, the next server may do
        print(f"no S3 container, trying radosgw: {error}", file=sys.stderr)
        stack.close()
        return None


def _expect_one_winner(server: S3Server, rounds: int = 20, writers: int = 8) -> None:
    """AssertionError for a server that lets two writers create one key, as some releases do."""
    name = server.make_bucket()
    with server.client() as client, ThreadPoolExecutor(writers) as pool:

        def wins(key: str) -> bool:
            try:
                client.put_object(Bucket=name, Key=key, Body=b"x", IfNoneMatch="*")
            except ClientError:
                return False
            return True

        for key in map(str, range(rounds)):
            winners = sum(pool.map(wins, [key] * writers))
            assert winners == 1, f"{server.kind}: {winners} of {writers} writers created one key"


def _has_docker() -> bool:
    import docker
    from docker.errors import DockerException

    with warnings.catch_warnings():
        # docker-py leaves its socket open where no engine listens.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with contextlib.closing(docker.from_env(timeout=2)) as engine:
                return bool(engine.ping())
        except DockerException:
            return False
        finally:
            gc.collect()


def _radosgw(stack: contextlib.ExitStack, directory: Path) -> S3Server | None:
    if shutil.which("radosgw") is None:
        return None
    gateway = Radosgw(directory / "radosgw", "memstore")
    stack.callback(gateway.kill)
    gateway.start()
    return gateway.server


def _moto(stack: contextlib.ExitStack, environ: Mapping[str, str]) -> S3Server:
    if environ.get("CI"):
        raise RuntimeError(
            "CI needs a real S3 server: name one in LAKEHOUSE_TEST_S3_ENDPOINT, offer docker, "
            "or install ceph-mon ceph-osd radosgw ceph-common"
        )
    port = free_ports(1)
    moto = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("locked_moto.py"), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(moto.wait)
    stack.callback(moto.kill)
    server = S3Server("moto", f"http://127.0.0.1:{port}")
    _wait_for(server.endpoint_url)
    return server


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            return  # an answer, even if it is a refusal
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"the S3 server at {url} did not answer within {START_TIMEOUT_S} s")
