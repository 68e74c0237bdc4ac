"""The one check that every state change passes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from core.errors import IllegalMove

Moves = Mapping[str, Collection[str]]


def require_move(moves: Moves, current: str, wanted: str) -> None:
    """Refuse a move that the table doesn't list.

    Raises IllegalMove; its facts name both states and what would be allowed.
    """
    allowed = moves.get(current, ())
    if wanted not in allowed:
        raise IllegalMove(
            f"It is {current}; from there it can't become {wanted}.",
            current=str(current),
            wanted=str(wanted),
            allowed=sorted(str(state) for state in allowed),
        )
