"""When each session was last heard of: in memory, since every request would be a write else."""

from __future__ import annotations

import threading
import time

from arena.desk.tokens import digest_of

MOST = 20_000
_seen: dict[str, float] = {}
_guard = threading.Lock()


def note(token: str) -> None:
    """A request or a click came in a session that stands; ``token`` is its token."""
    digest = digest_of(token)
    with _guard:
        _seen.pop(digest, None)
        _seen[digest] = time.time()  # at the end: the longest silent are at the beginning
        while len(_seen) > MOST:
            del _seen[next(iter(_seen))]


def seen(digest: str) -> float | None:
    """When the session with this hash was last heard of (unix time); None: not since the start."""
    with _guard:
        return _seen.get(digest)
