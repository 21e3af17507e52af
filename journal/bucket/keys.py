"""The keys of a bucket: built, parsed and checked here only. Pure."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

import msgspec

JOURNAL = "_journal/"
LAKE = "_journal/lake.json"
SLOTS = "_journal/slots/"
PACKS = "_journal/packs/"
OBJECTS, DATASETS = "objects/", "datasets/"
CHECKPOINTS = "_journal/checkpoints/"
PROBES = "_doctor/"
"""Objects that test a store; never the lake's data."""
PROBED_ONCE = "_doctor/condition"
"""Created at a lake's first start and never removed: the store must refuse every later create."""
ACCESS = "_access/"
MASK_KEY = "_access/mask.key"
"""The key of the hashes in safe views: 32 random bytes, created once."""
SESSION_KEY = "_access/session.key"
"""The key of the console's sessions: 32 random bytes, created once."""
AUDIT = "_audit/"
"""Batches of the audit."""
ICEBERG = "_iceberg/"
"""Metadata of Iceberg tables: derived, and made again when they are gone."""
STORES = "_store/"
"""The marks of stores: whose place it is."""
VECTORS = "_vectors/"
RESERVED = (JOURNAL, ACCESS, AUDIT, ICEBERG, STORES, VECTORS, DATASETS, OBJECTS)
"""Reserved prefixes: users cannot PUT or DELETE below them."""

MAX_KEY_BYTES = 1024
MAX_DELETED = 1_000
"""How many keys S3 deletes in one request."""
BLOBS = (DATASETS, OBJECTS)
"""The prefixes of all blobs."""

DIRECTION_MARK = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Unicode's Bidi_Control: these make a name look like another one."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ODD_COMPONENT = re.compile(r"(?:^|/)\.{0,2}(?:/|\Z)")
_SLOT = re.compile(r"_journal/slots/([0-9]{20})\.ndjson")
_TAGGED = r"[0-9a-f]{64}-[0-9a-f]{8}-[0-9]{1,16}-[0-9a-z]{1,32}"
_BLOB = (
    rf"(?:objects/{_TAGGED}"
    rf"|datasets/[A-Za-z_][A-Za-z0-9_]{{0,127}}/[0-9a-f]{{64}}/{_TAGGED}\.parquet)"
)
_BLOBS = re.compile(rf"(?:{_BLOB}(?:\n|\Z))++")
_CACHE = re.compile(
    r"_journal/(?:packs/[0-9]{20}-[0-9]{20}\.ndjson"
    r"|checkpoints/[0-9]{1,9}/[0-9]{20}-[0-9]{1,16}-[0-9a-f]{16})\.zst"
)
_AUDIT_BATCH = re.compile(r"_audit/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9a-f]{16}-[0-9]{8}\.ndjson\.zst")
_DERIVED = re.compile(
    r"_iceberg/[0-9]{1,4}/[0-9a-f-]{36}/(?:files|snap-[0-9]{1,16}|[0-9]{1,16})-[0-9a-f]{32}"
    r"\.(?:avro|metadata\.json)"
)
_STAGED = re.compile(r"_iceberg/staging/[0-9a-f-]{36}/.+")
_PROBE = re.compile(r"_doctor/[0-9a-f-]{36}/[^/]+(?:/[^/]+)*")


class Tag(msgspec.Struct, frozen=True):
    """Makes a blob's key unique: the lake, the head's seq when it was made, and a random part."""

    lake: str
    """First 8 hex digits of the lake's id."""
    mint_seq: int
    """The head's seq when the key was made."""
    random: str

    def __str__(self) -> str:
        return f"{self.lake}-{self.mint_seq}-{self.random}"


def slot_key(position: int) -> str:
    """The key of the slot at `position` (from 1)."""
    return f"{SLOTS}{position:020d}.ndjson"


def slot_position(key: str) -> int | None:
    """The position that a slot's key names, None if it is no slot's key."""
    match = _SLOT.fullmatch(key)
    return int(match[1]) if match and int(match[1]) > 0 else None


def dataset_blob(name: str, fingerprint: str, sha256: str, tag: Tag) -> str:
    """The key of one ingested Parquet object; also its logical key."""
    return f"datasets/{name}/{fingerprint}/{sha256}-{tag}.parquet"


def object_blob(sha256: str, tag: Tag) -> str:
    """The key of one version of a stored object; never holds the logical key."""
    return f"objects/{sha256}-{tag}"


def blob_tag(key: str) -> Tag | None:
    """The tag in a blob's key; None for a key that no lake of this format minted."""
    if not are_blobs((key,)):
        return None
    _, lake, mint_seq, chance = key.removesuffix(".parquet").rsplit("-", 3)
    return Tag(lake, int(mint_seq), chance)


def mint_seq(blob: str) -> int:
    """The head's seq when `blob`, which is a blob's key, was made."""
    return int(blob.rsplit("-", 2)[1])


def are_blobs(keys: Sequence[str]) -> bool:
    """Whether each of `keys` is of a form that a lake mints for a blob.

    One match of all keys joined: a replay checks millions, and one call for each would dominate.
    """
    if not keys:
        return True
    joined = "\n".join(keys)
    if joined.endswith("\n") or joined.count("\n") >= len(keys):
        # The last key is empty, or one contains a line feed: joined, it could match as several keys.
        return False
    return _BLOBS.fullmatch(joined) is not None


def check_blobs(keys: Sequence[str]) -> None:
    """Raises ValueError unless all of `keys` are of blobs, audit batches, or derived or staged Iceberg
    objects, and few enough for one request to delete."""
    if len(keys) > MAX_DELETED:
        raise ValueError(f"{len(keys):,} keys; at most {MAX_DELETED:,} are deleted at once")
    others = (_AUDIT_BATCH, _DERIVED, _STAGED)
    if not are_blobs([key for key in keys if not any(each.fullmatch(key) for each in others)]):
        raise ValueError(
            "only blobs, audit batches and derived objects can be deleted; one of these keys is none"
        )


def probe_key(run: str, name: str) -> str:
    """The key of a probe of one run of the doctor; `run` is a UUID."""
    return f"{PROBES}{run}/{name}"


def is_removable(key: str) -> bool:
    """Whether `key` is a probe of a finished run, or a cache, which can be rebuilt."""
    probe = _PROBE.fullmatch(key) is not None and key_fault(key) is None
    return probe or _CACHE.fullmatch(key) is not None


def key_fault(key: str) -> str | None:
    """Why `key` cannot name an object, or None. Applies to keys from users and from slots."""
    if not key:
        return "the key is empty"
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        return "the key is not UTF-8"
    if size_bytes > MAX_KEY_BYTES:
        return f"the key has {size_bytes} bytes; at most {MAX_KEY_BYTES} are allowed"
    if _CONTROL.search(key):
        return "the key contains a control character"
    if _ODD_COMPONENT.search(key) or ("%" in key and _ODD_COMPONENT.search(unquote(key))):
        return "the key has a leading '/', or an empty, '.' or '..' component"
    return None


def new_key_fault(key: str) -> str | None:
    """Why no new object can have this key, or None. Keys in old slots may contain these characters."""
    if DIRECTION_MARK.search(key):
        return "the key contains a character that changes the direction of text"
    return key_fault(key)


def is_reserved(key: str) -> bool:
    """Whether `key` is below a reserved prefix."""
    return key.startswith(RESERVED)
