"""The certificate's files: who learns of another pair, and which bytes a server without a context gets."""

import asyncio
from pathlib import Path

import pytest
import trustme

from lakehouse.config import ConfigError
from lakehouse.process.certificate import Certificate


def issue(authority: trustme.CA, directory: Path) -> Certificate:
    leaf = authority.issue_cert("localhost")
    certificate, key = directory / "tls.crt", directory / "tls.key"
    key.touch(mode=0o600)
    certificate.write_bytes(leaf.cert_chain_pems[0].bytes())
    key.write_bytes(leaf.private_key_pem.bytes())
    return Certificate(certificate, key)


async def test_another_pair_is_announced_once_it_is_in_use(tmp_path: Path) -> None:
    authority = trustme.CA()
    watched = issue(authority, tmp_path)
    first, renewed = watched.pair(), asyncio.Event()
    assert [each[:10] for each in first] == [b"-----BEGIN"] * 2
    watched.on_renewed = renewed.set
    watching = asyncio.create_task(watched.watch(0.0))
    second = issue(authority, tmp_path).pair()
    async with asyncio.timeout(60):
        await renewed.wait()
    assert watched.pair() == second != first
    watching.cancel()


def test_a_pair_that_is_not_in_use_is_never_given(tmp_path: Path) -> None:
    authority = trustme.CA()
    watched = issue(authority, tmp_path)
    issue(authority, tmp_path)
    with pytest.raises(ConfigError, match="being written"):
        watched.pair()
    (tmp_path / "tls.key").unlink()
    with pytest.raises(ConfigError, match="tls_key"):
        watched.pair()
