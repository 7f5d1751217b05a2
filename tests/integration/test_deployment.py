"""The image and the compose files: what they say is there, and what they run comes up."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from api.settings import Settings
from indexers.remote_settings import PREFIX, RemoteSettings
from retriever.options import OCR_VARIABLE
from tests.qdrant_server import QdrantServer
from tests.support import stop_owner, wait_until

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "docker-compose.yml", ROOT / "deploy" / "compose.cluster.yml"]


def read(path):
    return yaml.safe_load(path.read_text())


def services():
    """Each service as the files merge it: mappings by key, lists one after the other."""
    base, override = (read(path)["services"] for path in FILES)
    merged = {name: dict(service) for name, service in base.items()}
    for name, service in override.items():
        mine = merged.setdefault(name, {})
        for key, value in service.items():
            mine[key] = {**mine[key], **value} if isinstance(mine.get(key), dict) else value
    return merged


@pytest.mark.parametrize("name", sorted(services()))
def test_every_service_is_watched_restarted_and_keeps_its_data_in_a_volume(name):
    service = services()[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert "no-new-privileges:true" in service["security_opt"]
    volumes = {one.split(":")[0] for one in service["volumes"]}
    assert volumes <= {key for path in FILES for key in read(path)["volumes"]}
    for needed in service.get("depends_on", {}):
        assert services()[needed]["healthcheck"]
    if name.startswith("api"):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert all("127.0.0.1" in port for port in service["ports"])


def test_every_variable_of_the_compose_files_is_a_setting():
    known = {f"LONGDOC_{name.upper()}" for name in Settings.model_fields}
    known |= (
        {OCR_VARIABLE}
        | {f"{PREFIX}{name.upper()}" for name in RemoteSettings.__dataclass_fields__}
        | {PREFIX + "API_KEY"}
    )
    used = {
        name
        for service in services().values()
        for name in service.get("environment", {})
        if name.startswith("LONGDOC_")
    }
    assert used - known == set()
    assert {"LONGDOC_QDRANT_URL", "LONGDOC_QDRANT_PLACE", "LONGDOC_QDRANT_REPLICAS"} <= used


def test_the_image_copies_what_is_there_and_runs_as_nobody_special():
    lines = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text()
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", lines, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists()
            assert f"!{name}" in ignored
    assert lines.rindex("USER longdoc") > lines.rindex("useradd")
    packages = re.search(r"^packages = (.+)$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert all(f"COPY {name} ./{name}" in lines for name in re.findall(r"\w+", packages[1]))


def test_docker_itself_accepts_the_files(tmp_path):
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker compose here")
    for files in (FILES[:1], FILES):
        named = [part for path in files for part in ("-f", str(path))]
        subprocess.run(
            [docker, "compose", *named, "--profile", "gpu", "config", "--quiet"], check=True, cwd=ROOT
        )


def test_the_service_comes_up_as_composed_and_passes_its_health_check(tmp_path):
    service = services()["api"]
    with_server = QdrantServer()
    store = tmp_path / "store"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
        **service["environment"],
        "LONGDOC_STORE": str(store),
        "LONGDOC_KEYS": str(tmp_path / "keys.json"),
        "LONGDOC_PORT": "0",
        "LONGDOC_ENCODER": "hash",
        "LONGDOC_QDRANT_URL": with_server.url,
        "LONGDOC_QDRANT_PLACE": str(tmp_path / "shared"),
    }
    del environment["LONGDOC_QDRANT_API_KEY"]
    run = [sys.executable, "-c", "from retriever.cli import main; main()"]
    made = subprocess.run(
        [*run, "keys", "create", "me", "--scope", "*=admin"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    serving = subprocess.Popen(
        [*run, "serve"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = []
        reader = threading.Thread(target=lambda: said.extend(iter(serving.stdout.readline, "")), daemon=True)
        reader.start()
        wait_until(lambda: re.search(r"http://0\.0\.0\.0:(\d+)", "".join(said)), seconds=60)
        port = re.search(r"http://0\.0\.0\.0:(\d+)", "".join(said))[1]
        _, _, flag, script = service["healthcheck"]["test"]
        check = [sys.executable, flag, script.replace(":8000", f":{port}")]
        wait_until(lambda: subprocess.run(check, capture_output=True).returncode == 0, seconds=60)
        asked = (
            "import sys, urllib.request as u, json; r = u.Request(sys.argv[1], json.dumps({'documents': "
            "[{'id': 'x', 'text': 'the tide rises'}]}).encode(), {'Content-Type': 'application/json', "
            "'Authorization': 'Bearer ' + sys.argv[2]}); print(u.urlopen(r).status)"
        )
        url = f"http://127.0.0.1:{port}/v1/collections/default/documents"
        subprocess.run([sys.executable, "-c", asked, url, made.stdout.strip()], check=True)
        assert any(path.endswith("/points") for _, path, _, _ in with_server.requests)
        assert list((tmp_path / "shared" / "text").rglob("*.zst"))
    finally:
        serving.terminate()
        assert serving.wait(timeout=60) in (0, -signal.SIGTERM)
        serving.stdout.close()
        stop_owner(store)
        with_server.close()
