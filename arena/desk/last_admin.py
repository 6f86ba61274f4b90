"""The rule that a desk always has somebody who can manage it.

No act may leave a desk that had an admin who can sign in without one. The rule is a statement of
the transaction that acts: two acts at once cannot each believe that the other admin stays.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

from arena.desk.chairs import PersonError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arena.store import Store

LAST = (
    "Nobody else could manage the desk then: invite another admin first, and wait until they have "
    "joined and set a passcode."
)
_PASSCODE = "EXISTS (SELECT 1 FROM passcodes WHERE person = p.id)"
_LOGIN = "EXISTS (SELECT 1 FROM logins WHERE person = p.id)"
_ABLE = (
    f"SELECT 1 FROM people AS p WHERE role = 'admin' AND revoked_at IS NULL AND ({_PASSCODE} OR "
    f"{_LOGIN} OR EXISTS (SELECT 1 FROM sessions WHERE person = p.id AND expires > ?2))"
)
# A row without a name fails, and with it the transaction.
_FAIL = (
    "INSERT INTO people (id, name, created_at) SELECT ?1, NULL, 0 "
    f"WHERE NOT EXISTS ({_ABLE} AND p.id <> ?1) AND EXISTS ({_ABLE} AND p.id = ?1"
)
NOT_THE_LAST = f"{_FAIL})"
"""Before an act after which this person is no admin; given ``(person, now)``."""
HAS_A_WAY_BACK = f"{_FAIL} AND NOT {_PASSCODE} AND NOT {_LOGIN})"
"""Before an act that ends this person's sessions; given ``(person, now)``."""
HAS_ANOTHER_WAY = (
    f"{_FAIL} AND NOT {_PASSCODE} AND NOT EXISTS (SELECT 1 FROM logins WHERE person = p.id "
    "AND NOT (issuer = ?3 AND subject = ?4)))"
)
"""Before an act that takes this login from them; given ``(person, now, issuer, subject)``."""


def can_enter(store: Store) -> bool:
    """Whether some admin can sign in, or is signed in now."""
    return store.one(_ABLE.replace("?2", "?1"), time.time()) is not None


def guarded(store: Store, statements: Mapping[str, Sequence[tuple[Any, ...]]]) -> dict[str, int]:
    """`Store.execute`, durably, of statements of which the first is one of those above.

    Raises PersonError where it would leave the desk without an admin; nothing is done then.
    """
    try:
        return store.execute(statements, full=True)
    except sqlite3.IntegrityError as error:
        if "people.name" not in str(error):
            raise
        raise PersonError(LAST) from None
