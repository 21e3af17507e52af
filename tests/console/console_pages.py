"""The pages that every test of the console visits. A new page is tested by a line here."""

from typing import NamedTuple

from lake_server import Lake


class Shown(NamedTuple):
    """A page of the sample lake, and the heading that it must have."""

    path: str
    heading: str
    status: int = 200


PAGES = {
    "datasets": Shown("/console/datasets", "Datasets"),
    "datasets-search": Shown("/console/datasets?search=sal&order=rows", "Datasets"),
    "datasets-none": Shown("/console/datasets?search=nothing_like_it", "Datasets"),
    "datasets-then": Shown("/console/datasets?as_of=1", "Datasets"),
    "sql": Shown("/console/sql", "SQL"),
    "sql-rows": Shown("/console/sql?q=SELECT+*,+NULL+AS+n+FROM+hostile&rows=100", "SQL"),
    "sql-error": Shown("/console/sql?q=SELECT+1,%0A+nosuch&rows=100", "SQL"),
    "sql-chart": Shown(
        "/console/sql?q=SELECT+day,price+FROM+sales&chart=line&x=day&y=price", "SQL"
    ),
    "upload": Shown("/console/upload", "Upload"),
    "journal": Shown("/console/journal", "Journal"),
    "journal-filtered": Shown("/console/journal?type=dataset_appended&dataset=Sales", "Journal"),
    "journal-none": Shown("/console/journal?type=pin_removed", "Journal"),
    "journal-then": Shown("/console/journal?as_of=2", "Journal"),
    "event": Shown("/console/event/3", "Event 3"),
    "views": Shown("/console/views", "Views"),
    "views-none": Shown("/console/views?as_of=1", "Views"),
    "view": Shown("/console/view/dear", "dear"),
    "view-masked": Shown("/console/view/masked", "masked"),
    "mask": Shown("/console/mask?view=masked", "Masked view"),
    "mask-none": Shown("/console/mask", "Masked view"),
    "columns": Shown("/console/dataset/sales?profile=true", "sales"),
    "columns-then": Shown("/console/dataset/sales?as_of=1", "sales"),
    "rows": Shown("/console/dataset/sales?tab=rows", "sales"),
    "rows-where": Shown("/console/dataset/sales?tab=rows&where=id+%3E+190", "sales"),
    "rows-wrong": Shown("/console/dataset/sales?tab=rows&where=nothing+%3E+190", "sales"),
    "history": Shown("/console/dataset/sales?tab=history", "sales"),
    "history-dropped": Shown("/console/dataset/dropped?tab=history", "dropped"),
    "difference": Shown("/console/dataset/sales?tab=difference&from=1&to=2", "sales"),
    "origin": Shown("/console/dataset/sales?tab=origin&where=id+%3D+900", "sales"),
    "objects": Shown("/console/dataset/sales?tab=objects", "sales"),
    "quarantine": Shown("/console/dataset/orders?tab=quarantine", "orders"),
    "hostile-columns": Shown("/console/dataset/hostile?profile=true", "hostile"),
    "hostile-rows": Shown("/console/dataset/hostile?tab=rows", "hostile"),
    "hostile-history": Shown("/console/dataset/hostile?tab=history", "hostile"),
    "undo": Shown("/console/undo?seq=2", "Undo event 2"),
    "undo-refused": Shown("/console/undo?seq=5", "Undo event 5"),
    "restore": Shown("/console/restore?name=sales&to=1", "Restore sales as of event 1"),
    "storage": Shown("/console/storage", "Storage"),
    "storage-folder": Shown("/console/storage?prefix=raw%2F2026%2F", "Storage"),
    "storage-none": Shown("/console/storage?prefix=nothing%2F", "Storage"),
    "object": Shown("/console/storage/object?key=raw%2F2026%2Fnotes.txt", "raw/2026/notes.txt"),
    "upkeep": Shown("/console/upkeep", "Upkeep"),
    "upkeep-collect": Shown("/console/upkeep?collect=0s", "Upkeep"),
    "upkeep-compact": Shown("/console/upkeep?compact=true", "Upkeep"),
    "access": Shown("/console/access", "Access"),
    "audit": Shown("/console/audit", "Audit"),
    "error": Shown("/console/nowhere", "Not found", status=404),
}

HOSTILE = (
    "<script>window.hit=1</script>",
    '"><img src=x onerror="window.hit=1">',
    '<div hx-get="/v1/journal/head" hx-trigger="load" hx-on:load="window.hit=1">x</div>',
    "javascript:window.hit=1",
    "{{ 7 * 7 }}${7*7}",
    "</style><style>*{display:none}</style>",
    "txt.\u202egpj.exe\u200b",
)
"""Text that must be shown as text, wherever the lake has it."""


def fill(lake: Lake) -> None:
    """Give a lake what the pages show: datasets with a past, hostile text, and quarantine."""
    rows = "\n".join(f"{id_},{2 + id_ % 7}.5,2026-11-{1 + id_ % 28:02d}" for id_ in range(200))
    assert lake.ingest("name=sales", f"id,price,day\n{rows}\n").status == 200
    assert lake.ingest("name=sales&mode=append", "id,price,day\n900,1.5,2026-11-30\n").status == 200
    cells = "\n".join('"' + text.replace('"', '""') + '"' for text in HOSTILE)
    hostile = [
        ("Content-Type", "text/csv"),
        ("X-Change-Reason", HOSTILE[0]),
        ("X-Actor", HOSTILE[1]),
    ]
    assert lake.ingest("name=hostile", f"<b>text</b>\n{cells}\n", hostile).status == 200
    mixed = "id,amount\n1,10\n2,many\n3,30\n"
    answer = lake.ingest("name=orders&on_error=quarantine&types=amount%3Aint64", mixed)
    assert answer.status == 200, answer
    assert lake.ingest("name=dropped").status == 200
    assert lake.drop("dropped").status == 200
    dear = {"sql": "SELECT day, price FROM sales WHERE price > 6", "comment": HOSTILE[0]}
    masked = {"of": "sales", "masks": {"id": "hash"}, "unmasked": ["day"], "rows": "price > 3"}
    for name, view in (("dear", dear), ("masked", masked)):
        assert lake.ask("PUT", f"/v1/catalog/view/{name}", view).status == 200
    assert lake.put("raw/2026/notes.txt", b"the first notes").status == 200
    for key in ("raw/2026/notes.txt", "raw/%3Cb%3Ebold%3C%2Fb%3E.txt", "top.bin"):
        assert lake.put(key).status == 200
