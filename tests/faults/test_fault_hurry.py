"""A click that is overtaken by the next one while the server is still at work on its callback."""

import asyncio

import pytest
from support.event_loop import run_apart
from support.tab import heat, shows

from benchmarks.load_client import Client
from benchmarks.load_server import running_server


@pytest.fixture(scope="module")
def fault(tmp_path_factory):
    return tmp_path_factory.mktemp("hurry") / "callback"


@pytest.fixture(scope="module")
def server(fault):
    about = {"app": "tests/support/served_app.py", "FAULT_CALLBACK": str(fault)}
    with running_server(fault.with_name("server.txt"), **about) as server:
        yield server


async def begin(tab: Client, option: str, fault) -> None:
    """Choose a class; ends when the server is at work on the callback, where it stays for a while."""
    begun = fault.with_name("callbackbegun")
    fault.touch()
    tab.value("row").string_value = option
    await tab.ask()
    async with asyncio.timeout(30):
        while not begun.exists():
            await asyncio.sleep(0.01)
    begun.unlink()
    fault.unlink()


def test_a_choice_counts_when_something_else_is_clicked_before_the_server_has_taken_it(server, fault):
    async def visit() -> None:
        async with Client(server.url) as tab:
            await tab.open()
            options = tab.page.widget("row").options
            for wanted in (options[2], options[3]):
                title = f"Evidence for {wanted}"
                assert heat(tab.page)["title"] != title
                await begin(tab, wanted, fault)
                # Now with another choice besides, to whose run the class is no new one.
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
            await begin(tab, first, fault)
            tab.value("row").string_value = second
            await tab.ask(shows(f"Evidence for {second}"))
            await asyncio.wait_for(tab.answer(), 30)
            # Nor does the first come after it.
            await tab.rerun()
            assert heat(tab.page)["title"] == f"Evidence for {second}"

    run_apart(visit())
