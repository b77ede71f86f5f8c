"""The container file: its steps are the README's, and what it copies is enough. Nothing here needs a container."""

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import cam

ROOT = Path(cam.__file__).parents[1]
STEPS = re.findall(r"^([A-Z]+) (.*)$", (ROOT / "docs" / "Containerfile").read_text("utf-8"), re.MULTILINE)


def step(name: str) -> str:
    """The last step of a kind, without its flags."""
    return re.sub(r"--[a-z-]+=\S+ ", "", [text for kind, text in STEPS if kind == name][-1])


def start_command() -> str:
    """What the README says to set up and start with."""
    return re.search(r"^python3 -m venv .*streamlit run.*$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)[0]


def test_its_steps_are_those_of_the_readme():
    run, command = step("RUN").replace(" --no-cache-dir", ""), " ".join(ast.literal_eval(step("CMD")))
    assert f"{run} && {command}" == start_command()


def test_what_is_secret_stays_outside():
    sources = [source for kind, text in STEPS if kind == "COPY" for source in text.split()[:-1]]
    assert not {".", "./", ".streamlit", ".streamlit/secrets.toml", "models"} & set(sources)


def test_what_it_copies_is_enough_to_start_and_is_found_healthy(tmp_path):
    for text in [text for kind, text in STEPS if kind == "COPY"]:
        *sources, target = re.sub(r"--[a-z-]+=\S+ ", "", text).split()
        for source in sources:
            place = tmp_path / target / (Path(source).name if target.endswith("/") else "")
            place.parent.mkdir(exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    environment = dict(pair.split("=") for pair in step("ENV").split()) | {"STREAMLIT_SERVER_PORT": str(port)}
    watch = {"PYTHONPATH": str(ROOT / "tests" / "support" / "watch"), "WATCH_LOG": str(tmp_path / "watch.txt")}
    program, *words = ast.literal_eval(step("CMD"))
    assert program == ".venv/bin/streamlit"
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", *words],
        cwd=tmp_path,
        env=os.environ | environment | watch | {"TENSORFLOW_GATE": str(tmp_path / "never")},
    )
    try:
        program, *words = ast.literal_eval(step("HEALTHCHECK").partition("CMD ")[2])
        assert program == ".venv/bin/python"
        check = [sys.executable, *(word.replace("8501", str(port)) for word in words)]
        # The container asks again and again, too.
        for _ in range(60):
            if (healthy := subprocess.run(check, capture_output=True)).returncode == 0 or server.poll() is not None:
                break
            time.sleep(0.1)
        assert healthy.returncode == 0, healthy.stderr.decode()
        assert '["socket.bind", ["0.0.0.0", ' in (tmp_path / "watch.txt").read_text()
    finally:
        server.terminate()
        server.wait(30)
    pages = (
        "import cam.app.pages.see as see; from cam.app.widgets.sample_gallery import list_samples; "
        "print(len(list_samples()), see.__file__)"
    )
    done = subprocess.run([sys.executable, "-c", pages], cwd=tmp_path, capture_output=True, text=True, check=True)
    count, path = done.stdout.split()
    assert int(count) > 10 and Path(path).is_relative_to(tmp_path)
