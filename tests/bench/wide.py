"""A CSV of ten thousand columns and about 2 MB: one seed, one file."""

import random
from pathlib import Path

COLUMNS, SIZE_BYTES = 10_000, 2_000_000


def write_wide(path: Path, columns: int = COLUMNS, size_bytes: int = SIZE_BYTES) -> None:
    """Numbers, decimals, words, days and truths in turn, as many rows as the size takes."""
    rng = random.Random(1)
    kinds = (
        lambda: str(rng.randrange(10_000)),
        lambda: f"{rng.random():.3f}",
        lambda: rng.choice(("ab", "cde", "f")),
        lambda: f"2024-01-{rng.randrange(1, 29):02}",
        lambda: rng.choice(("true", "false")),
    )
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(f"column_{number}" for number in range(columns)) + "\n")
        while file.tell() < size_bytes:
            file.write(",".join(kinds[i % len(kinds)]() for i in range(columns)) + "\n")
