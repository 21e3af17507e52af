"""The events about an entity, found by their links: from the newest to the one before it, and so on.

Owns what links have been followed. Must never judge who may see an event, nor hold one.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator

from journal.event_records import Place
from journal.events import Event
from journal.slot import Header
from lakehouse.commit.node import Node
from projections import history

REMEMBERED = 50_000
"""How many links are kept, some 300 bytes each; those used least recently go first."""

HELD = 100
"""How many events are held while links are followed to the oldest one."""

Read = tuple[Header, Event]
"""An event and its slot's header."""
Mention = tuple[Place, str]
"""An event's place, and the entity that it is about there: another one before a rename."""


class EntityChains:
    """Follows links. A link never changes, so one that was read is not read again."""

    def __init__(self, node: Node, remembered: int = REMEMBERED) -> None:
        self._node = node
        self._remembered = remembered
        self._links: OrderedDict[tuple[int, str], Mention | None] = OrderedDict()
        """Seq and entity → the mention before it."""

    def newest(self, entity: str) -> Mention | None:
        """The last event about an entity; None if there is none."""
        place = self._node.state.history.links.get(entity)
        return (place, entity) if place is not None else None

    async def oldest_first(self, entity: str, after: int = 0) -> AsyncGenerator[Read, None]:
        """The events after a number, oldest first.

        Costs a read for each, and for each link that is not known yet, from the newest event on. Of
        those the last HELD are not read again.
        """
        held, mentions = OrderedDict[Mention, Read](), list[Mention]()
        at = self.newest(entity)
        while at is not None and at[0][1] > after:
            mentions.append(at)
            if not self._knows(at):
                _, event = held[at] = await self._read(at)
                self._remember(at, event)
                if len(held) > HELD:
                    held.popitem(last=False)
            at = self._previous(at)
        for mention in reversed(mentions):
            yield held.pop(mention) if mention in held else await self._read(mention)

    async def newest_first(
        self, entity: str, before: int | None = None
    ) -> AsyncGenerator[Read, None]:
        """The events before a number, newest first.

        Costs a read for each, and for each link to them that is not known yet.
        """
        at = self.newest(entity)
        while at is not None:
            mention, is_wanted = at, before is None or at[0][1] < before
            if is_wanted or not self._knows(mention):
                found = await self._read(mention)
                self._remember(mention, found[1])
            # Before the yield: others may make it forget this link meanwhile.
            at = self._previous(mention)
            if is_wanted:
                yield found

    async def _read(self, mention: Mention) -> Read:
        return await self._node.past.event_at(mention[0])

    def _knows(self, mention: Mention) -> bool:
        return (mention[0][1], mention[1]) in self._links

    def _previous(self, mention: Mention) -> Mention | None:
        """The mention before a known one."""
        key = (mention[0][1], mention[1])
        self._links.move_to_end(key)
        return self._links[key]

    def _remember(self, mention: Mention, event: Event) -> None:
        place, entity = history.previous(event, mention[1])
        self._links[mention[0][1], mention[1]] = (place, entity) if place is not None else None
        while len(self._links) > self._remembered:
            self._links.popitem(last=False)
