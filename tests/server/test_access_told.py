"""Tries of the access code are logged and counted, without the code, and without who gave it."""

from support.asgi_parts import ask, behind

from cam.server.access.gate import Gate
from cam.server.telemetry import listen


def test_tries_are_told_by_how_they_ended_and_by_nothing_else():
    gate = Gate(behind, code="blue rhinoceros")
    told = []
    stop = listen(told.append)
    for body in (b"code=red+rhinoceros", b"code=blue+rhinoceros", b"nothing"):
        ask(gate, method="POST", body=body)
    ask(gate)
    stop()
    assert [line["outcome"] for line in told] == ["refused", "done", "refused"]
    assert all(line.keys() == {"asked", "ms", "outcome"} and line["asked"] == "access" for line in told)
