"""Sessions whose page was closed: forgotten two minutes later, also where nobody else comes or goes.

Streamlit keeps a closed session, and with it the photo that it showed, so that a lost connection can come back. One
that is too old is never used, but is only dropped when the next session is kept.
"""

import asyncio

from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.session_manager import SessionInfo

_save = MemorySessionStorage.save


def forget_closed_sessions() -> None:
    """Have every closed session forgotten from now on; called again, it changes nothing."""
    MemorySessionStorage.save = _save_for_a_while


def _save_for_a_while(storage: MemorySessionStorage, session: SessionInfo) -> None:
    _save(storage, session)
    asyncio.get_running_loop().call_later(storage._cache.ttl + 1, storage._cache.expire)
