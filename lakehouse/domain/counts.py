"""How a text names a number of things: `1 row`, `2,000 rows`. Pure."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`number` with thousands separators, then `noun`, or its plural unless the number is 1.

    `plural`: for nouns whose plural is not made with an `s` (`entry`, `entries`).
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
