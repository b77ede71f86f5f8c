"""A session whose page was closed is forgotten by itself, and one that may still come back is not."""

import asyncio
import gc
import weakref

from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.session_manager import SessionInfo
from support.event_loop import run_apart

from cam.server.closed_sessions import forget_closed_sessions


class Session:
    id = "closed"


def kept_after(monkeypatch, seconds: float, ttl: float) -> bool:
    """Whether a session is in memory so long after its page was closed."""
    monkeypatch.setattr(MemorySessionStorage, "save", MemorySessionStorage.save)
    forget_closed_sessions()
    forget_closed_sessions()

    async def wait() -> bool:
        storage, session = MemorySessionStorage(ttl_seconds=ttl), Session()
        storage.save(SessionInfo(client=None, session=session))
        found = weakref.ref(session)
        del session
        await asyncio.sleep(seconds)
        gc.collect()
        return found() is not None

    return run_apart(wait())


def test_a_closed_session_is_forgotten_without_another_one_that_comes(monkeypatch):
    assert not kept_after(monkeypatch, 1.5, ttl=0.1)


def test_a_session_can_come_back_for_as_long_as_streamlit_keeps_it(monkeypatch):
    assert kept_after(monkeypatch, 0.2, ttl=60)


def test_without_this_it_would_stay(monkeypatch):
    monkeypatch.setattr("cam.server.closed_sessions._save_for_a_while", MemorySessionStorage.save)
    assert kept_after(monkeypatch, 1.5, ttl=0.1)
