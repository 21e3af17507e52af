"""What the golden journals say of watched sources: slots of events.

Must never change a journal that was written: another one says what is new.
"""

import msgspec
from builders import item, registered, source

from journal.definition_events import SourceDropped, SourcePut
from journal.event_records import Source, SourceFile
from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetRenamed,
    DatasetRewritten,
    DatasetsSwapped,
)
from lakehouse.domain.rules.datasets import dataset_id


def found(name: str, key: str, identity: str, of: str = "Größen") -> Source:
    return msgspec.structs.replace(source(name), file=SourceFile(of, key, identity))


def sources() -> list[list[Data]]:
    """Sources put, replaced and dropped; files that came in by each kind of event, and what moves them."""
    put = SourcePut(
        "Sizes",
        "s3://raw/in/",
        "**/*.csv",
        "Sizes",
        "append",
        (("null", "NA"), ("types", "zip:string")),
        60,
    )
    whole = registered("Sizes", item("p1"), source=found("s1", "a/ü.csv", "e1-10", "Sizes"))
    content = {name: getattr(whole, name) for name in DatasetAppended.__struct_fields__}
    more = DatasetAppended(
        **content | {"objects": (item("p2"),), "source": found("s2", "a/ü.csv", "e2-11", "Sizes")}
    )
    same = DatasetAppended(
        **content | {"objects": (item("p3"),), "source": found("s1", "b.csv", "1-2-3", "sizes")}
    )
    merged = DatasetRewritten(
        dataset_id("Sizes"),
        "Sizes",
        "merge",
        whole.schema_fingerprint,
        whole.schema,
        (),
        3,
        (item("p4"),),
        found("s4", "c.csv", "4-4-4", "Sizes"),
    )
    return [
        [put],
        [whole, more],
        [msgspec.structs.replace(put, uri="/in", every_s=5, mode="merge"), same],
        [merged, registered("Other", item("o1"))],
        [DatasetRenamed("Sizes", "Lengths", dataset_id("Lengths"))],
        [DatasetsSwapped("Lengths", "Other")],
        [DatasetDropped("Other", dataset_id("Other")), SourceDropped("Sizes")],
    ]
