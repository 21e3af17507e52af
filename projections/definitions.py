"""Definitions: views and profiles. They contain no rows and name other relations. Pure."""

from typing import assert_never

import msgspec

from journal.events import (
    Alias,
    Column,
    ProfileDropped,
    ProfilePut,
    SafeView,
    ViewDropped,
    ViewPut,
)
from projections.moment import Moment
from projections.overlay import Overlay

DefinitionChange = ViewPut | ViewDropped | ProfilePut | ProfileDropped


class ViewDefinition(msgspec.Struct, frozen=True, gc=False):
    """One live view; fields as in the event, `seq` and `updated_at` of its last one."""

    name: str
    sql: str | None
    safe: SafeView | None
    comment: str | None
    columns: tuple[Column, ...]
    reads: tuple[str, ...]
    created_at: str
    updated_at: str
    seq: int


class Profile(msgspec.Struct, frozen=True, gc=False):
    """One live profile: its aliases, and whether all other names are `visible` or `hidden`."""

    name: str
    names: tuple[Alias, ...]
    others: str
    created_at: str
    updated_at: str
    seq: int


def apply(
    views: Overlay[str, ViewDefinition],
    profiles: Overlay[str, Profile],
    data: DefinitionChange,
    moment: Moment,
) -> None:
    """Fold one change into the views and profiles."""
    match data:
        case ViewPut():
            views.put(data.name.lower(), _view(data, views.find(data.name.lower()), moment))
        case ViewDropped():
            views.drop(data.name.lower())
        case ProfilePut():
            was = profiles.find(data.name.lower())
            profiles.put(data.name.lower(), _profile(data, was, moment))
        case ProfileDropped():
            profiles.drop(data.name.lower())
        case _:
            assert_never(data)


def _view(data: ViewPut, was: ViewDefinition | None, moment: Moment) -> ViewDefinition:
    return ViewDefinition(
        data.name,
        data.sql,
        data.safe,
        data.comment,
        data.columns,
        data.reads,
        was.created_at if was else moment.at,
        moment.at,
        moment.seq,
    )


def _profile(data: ProfilePut, was: Profile | None, moment: Moment) -> Profile:
    created_at = was.created_at if was else moment.at
    return Profile(data.name, data.names, data.others, created_at, moment.at, moment.seq)
