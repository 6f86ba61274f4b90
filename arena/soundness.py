"""Whether the rules of a match can be played: what `arena.protocols` refuses, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arena.protocols import Protocol

LARGEST = 1_000_000  # of any limit or count in a protocol: what is more is a slip of the pen
_OF_THE_JUDGE = ("question", "belief", "verdict")


def in_range(value: object, *names: str) -> None:
    """Check that these numbers are sizes; None is no limit. Raises ValueError naming the field."""
    for name in names:
        number = getattr(value, name)
        if number is not None and not 0 <= number <= LARGEST:
            what = "0 or more" if number < 0 else f"{LARGEST} or less"
            raise ValueError(f"{name} must be {what}, got {number}")


def playable(protocol: Protocol, judge: str) -> None:
    """Check that a protocol can be played; its judge's seat is called ``judge``.

    A judge that only reads needs no slot, for a reader has one wherever a match stands. Raises
    ValueError naming the field.
    """
    names = [seat.name for seat in protocol.seats]
    if len(set(names)) < len(names) or {"all", ""} & set(names):
        raise ValueError(f"seats: names must differ, none of them 'all' or empty, got {names}")
    odd = [one.name for one in protocol.seats if (one.role == "judge") != (one.name == judge)]
    if odd or judge not in names:
        raise ValueError(f"seats: the judge's seat, and no other, is {judge!r}, got {odd or names}")
    decides = False
    for part in ("opening", "cycle", "closing"):
        for i, one in enumerate(getattr(protocol, part)):
            where = f"{part}[{i}]"
            for slot in one.slots:
                if slot.seat not in names:
                    raise ValueError(f"{where}: seat {slot.seat!r} is not one of {names}")
                if (slot.kind in _OF_THE_JUDGE) != (slot.seat == judge):
                    whose = "the judge's" if slot.kind in _OF_THE_JUDGE else "a speaker's"
                    raise ValueError(f"{where}: a {slot.kind} is {whose}, got seat {slot.seat!r}")
                for viewer in slot.seen_by:
                    if viewer != "all" and viewer not in names:
                        raise ValueError(f"{where}: seen_by {viewer!r} is not a seat")
                decides |= slot.kind == "verdict" or (slot.kind == "belief" and slot.may_stop)
    for what in ("passage_to", "beliefs_to"):
        for name in getattr(protocol, what):
            if name not in names:
                raise ValueError(f"{what}: {name!r} is not one of {names}")
    in_range(protocol, "quoted_total", "cycles")
    if protocol.cycles and not protocol.cycle:
        raise ValueError(f"cycles: {protocol.cycles} cycles need a cycle to repeat")
    if protocol.asks and not decides:
        raise ValueError("closing: the judge takes part but never decides; add a verdict slot")
    if protocol.options == "right or wrong" and "proposer" not in [s.role for s in protocol.seats]:
        raise ValueError("options: right or wrong is asked of a proposer's answer, got no proposer")
