"""A click that is overtaken by the next one while the server is still at work on its callback."""

import asyncio

import pytest
from event_loop import run_apart
from tab import heat, shows

from benchmarks.load_client import Client
from benchmarks.load_server import running_server


@pytest.fixture
def fault(tmp_path):
    return tmp_path / "callback"


@pytest.fixture
def server(tmp_path, monkeypatch, fault):
    monkeypatch.setenv("FAULT_CALLBACK", str(fault))
    with running_server(tmp_path / "server.txt", app="tests/faults/served_app.py") as server:
        yield server


async def seen(path) -> None:
    """Until the file is there, which is then taken away."""
    while not path.exists():
        await asyncio.sleep(0.01)
    path.unlink()


def test_a_choice_counts_when_something_else_is_clicked_before_the_server_has_taken_it(server, fault):
    async def visit() -> None:
        async with Client(server.url) as tab:
            await tab.open()
            options = tab.page.widget("row").options
            for wanted in (options[2], options[3]):
                title = f"Evidence for {wanted}"
                assert heat(tab.page)["title"] != title
                fault.touch()
                tab.value("row").string_value = wanted
                await tab.ask()
                await asyncio.wait_for(seen(fault.with_name("callbackbegun")), 30)
                # Now with another choice besides, to whose run the class is no new one.
                fault.unlink()
                tab.value("box").bool_value = not tab.value("box").bool_value
                await tab.ask(shows(title))
                await asyncio.wait_for(tab.answer(), 30)
                assert heat(tab.page)["title"] == title

    run_apart(visit())


def test_the_last_of_two_choices_counts_when_the_first_is_still_being_taken(server, fault):
    async def visit() -> None:
        async with Client(server.url) as tab:
            await tab.open()
            first, second = tab.page.widget("row").options[2:4]
            fault.touch()
            tab.value("row").string_value = first
            await tab.ask()
            await asyncio.wait_for(seen(fault.with_name("callbackbegun")), 30)
            fault.unlink()
            tab.value("row").string_value = second
            await tab.ask(shows(f"Evidence for {second}"))
            await asyncio.wait_for(tab.answer(), 30)
            # Nor does the first come after it.
            await tab.rerun()
            assert heat(tab.page)["title"] == f"Evidence for {second}"

    run_apart(visit())
