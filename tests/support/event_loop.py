"""Coroutines of a test, where another loop may run: after tests in a browser, the main thread has one."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor


def run_apart(work: Coroutine):
    """Run in a thread of its own; gives what the coroutine returns, or raises what it raises."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
