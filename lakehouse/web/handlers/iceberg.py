"""Handlers of the Iceberg REST catalog: its paths, answers and statuses.

Source: the Iceberg REST catalog's OpenAPI document. What would change a table is refused with 406, but for
appends where these are allowed.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import web

from lakehouse.api.engines.iceberg import IcebergCommit, IcebergQuery
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.iceberg.use_case import PRESENT, Warehouse
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer

NAMESPACE = ["lake"]
SEPARATOR = "\x1f"
"""Between the levels of a namespace in a path."""
ENDPOINTS = [
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "HEAD /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
]
COMMIT = "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}"
_PAGE = 1_000


async def read(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET and HEAD below /iceberg/v1/."""
    warehouse, parts = await _located(service, exchange)
    match parts:
        case ["config"]:
            return await _config(service, exchange)
        case ["namespaces"]:
            return answer({"namespaces": _below(exchange.query(IcebergQuery).parent)})
        case ["namespaces", namespace]:
            _check_namespace(namespace)
            return _found(exchange, {"namespace": NAMESPACE, "properties": {}})
        case ["namespaces", namespace, "tables"]:
            _check_namespace(namespace)
            return await _tables(service, exchange, warehouse)
        case ["namespaces", namespace, "tables", table]:
            return await _table(service, exchange, warehouse, namespace, table)
        case ["namespaces", namespace, "views"]:
            _check_namespace(namespace)
            return answer({"identifiers": [], "next-page-token": None})
    raise RefusedError(Refused("not_found", "the Iceberg catalog has no such route"))


async def change(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST below /iceberg/v1/: metrics are taken and dropped, appends are made, all else is refused."""
    warehouse, parts = await _located(service, exchange)
    match parts:
        case ["namespaces", namespace, "tables", table, "metrics"]:
            await _check_table(service, exchange, warehouse, namespace, table)
            return web.Response(status=204)
        case ["namespaces", namespace, "tables", table] if _is_writable(service, warehouse):
            return await _commit(service, exchange, namespace, table)
    return await refuse(service, exchange)


async def refuse(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE below /iceberg/v1/. Raises RefusedError `unsupported_operation`."""
    detail = (
        "the Iceberg catalog takes no change but appends to present tables, if iceberg_writes is "
        "set; change datasets by the lakehouse's own routes"
    )
    raise RefusedError(Refused("unsupported_operation", detail))


async def _located(service: Service, exchange: Exchange) -> tuple[Warehouse, list[str]]:
    """The warehouse that the path's prefix names, and the parts of the path after it."""
    parts = [unquote(part) for part in exchange.tail.split("/")]
    caller = exchange.caller()
    if parts[0].startswith("at") and parts[0][2:].isdecimal():
        return await service.iceberg.warehouse(caller, f"at:{parts[0][2:]}"), parts[1:]
    return await service.iceberg.warehouse(caller, None), parts


async def _config(service: Service, exchange: Exchange) -> web.Response:
    warehouse = exchange.query(IcebergQuery).warehouse
    seq = await service.iceberg.warehouse(exchange.caller(), warehouse)
    prefix = {} if seq is None else {"prefix": f"at{seq}"}
    endpoints = [*ENDPOINTS, COMMIT] if _is_writable(service, seq) else ENDPOINTS
    return answer({"defaults": {}, "overrides": prefix, "endpoints": endpoints})


async def _tables(service: Service, exchange: Exchange, warehouse: Warehouse) -> web.StreamResponse:
    query = exchange.query(IcebergQuery)
    names = await service.iceberg.tables(exchange.caller(), warehouse)
    size = len(names) if query.page_size is None and query.page_token is None else query.page_size
    later = [name for name in names if name > (query.page_token or "")]
    page = later[: _PAGE if size is None else max(size, 1)]
    more = page[-1] if len(later) > len(page) else None
    found = [{"namespace": NAMESPACE, "name": name} for name in page]
    return answer({"identifiers": found, "next-page-token": more})


async def _table(
    service: Service, exchange: Exchange, warehouse: Warehouse, namespace: str, table: str
) -> web.StreamResponse:
    await _check_table(service, exchange, warehouse, namespace, table)
    if exchange.request.method == "HEAD":
        return web.Response(status=204)
    caller = exchange.caller()
    document = await service.iceberg.load(caller, warehouse, table)
    config = await service.iceberg.client_settings(caller, warehouse, document, table)
    head: dict[str, Any] = {"metadata-location": document.url, "config": config}
    if config:
        # DuckDB takes the endpoint from these alone.
        head["storage-credentials"] = [{"prefix": document.json["location"], "config": config}]
    # The document may have megabytes: its bytes are used as they are.
    body = msgspec.json.encode(head)[:-1] + b',"metadata":' + document.body + b"}"
    return web.Response(body=body, content_type="application/json")


def _is_writable(service: Service, warehouse: Warehouse) -> bool:
    return service.iceberg_appends.enabled and warehouse is PRESENT


async def _commit(
    service: Service, exchange: Exchange, namespace: str, table: str
) -> web.StreamResponse:
    _check_namespace(namespace)
    request, _ = await bodies.read_json(exchange, IcebergCommit)
    document = await service.iceberg_appends.commit(exchange.caller(), table, request)
    head = {"metadata-location": document.url}
    body = msgspec.json.encode(head)[:-1] + b',"metadata":' + document.body + b"}"
    return web.Response(body=body, content_type="application/json")


async def _check_table(
    service: Service, exchange: Exchange, warehouse: Warehouse, namespace: str, table: str
) -> None:
    """Engines ask for `ns.table.snapshots` too: a namespace that is none has no tables either."""
    known = namespace.split(SEPARATOR) == NAMESPACE
    if not known or not await service.iceberg.has(exchange.caller(), warehouse, table):
        shown = ".".join([*namespace.split(SEPARATOR), table])[:256]
        raise RefusedError(Refused("dataset_not_found", f"there is no table {shown}"))


def _check_namespace(namespace: str) -> None:
    if namespace.split(SEPARATOR) != NAMESPACE:
        shown = namespace.replace(SEPARATOR, ".")[:256]
        raise RefusedError(Refused("namespace_not_found", f"there is no namespace {shown}"))


def _below(parent: str | None) -> Sequence[list[str]]:
    if not parent:
        return [NAMESPACE]
    _check_namespace(parent)
    return []


def _found(exchange: Exchange, body: dict[str, Any]) -> web.Response:
    return web.Response(status=204) if exchange.request.method == "HEAD" else answer(body)
