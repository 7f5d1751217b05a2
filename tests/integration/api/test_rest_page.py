"""docs/rest.md and README: their curl lines run, and the page lists every setting as the code has it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from api.commands import keys
from api.keys import KeyFile
from api.settings import Settings, load_settings, variable
from encoders.errors import InvalidInputError

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "rest.md").read_text()
BASH = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run(script, app, folder):
    """Run curl lines of a page; an answer that is an error ends them."""
    (folder / ".curlrc").write_text("fail-with-body\nshow-error\n")
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://localhost:8000", app.state.url)],
        cwd=folder,
        env={**os.environ, "CURL_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_curl_lines_run_in_order(app, tmp_path):
    outputs = [run(block, app, tmp_path) for block in BASH.findall(PAGE)]
    assert len(outputs) == 5
    assert "The tenant pays" in outputs[0]
    assert "event: end" in outputs[1]
    assert '"deleted":["emea/lease.txt"]' in outputs[2]
    assert '"contracts-live"' in outputs[3]
    assert '"relevance_score":1.0' in outputs[4]


def test_the_curl_lines_of_the_readme_run(app, tmp_path):
    document = {"id": "shlex.py", "text": "def split(s): split a shell command line safely"}
    httpx.post(f"{app.state.url}/v1/collections/library/documents", json={"documents": [document]})
    [block] = BASH.findall((ROOT / "README.md").read_text())
    output = run(block, app, tmp_path)
    assert '"id":"shlex.py"' in output
    assert '"budget":500' in output
    assert '"object":"embedding"' in output


def test_the_page_lists_every_setting_with_its_default_and_meaning():
    rows = re.findall(r"^\| `(LONGDOC_\w+)` \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    expected = []
    for name, field in Settings.model_fields.items():
        value = field.default
        text = str(value).lower() if isinstance(value, bool) else str(value)
        shown = "" if value is None or value == () else f"`{text}`"
        expected.append((variable(name), shown, field.description))
    assert rows == expected


def test_settings_come_from_options_then_environment_then_file(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('port = 1\nhost = "10.0.0.1"\nmax_inputs = 5\ncors_origins = ["https://a"]\n')
    found = load_settings(
        file,
        environment={
            "LONGDOC_PORT": "2",
            "LONGDOC_MAX_INPUTS": "6",
            "LONGDOC_CORS_ORIGINS": "https://b, https://c",
        },
        port=3,
        host=None,
    )
    assert (found.port, found.max_inputs, found.host) == (3, 6, "10.0.0.1")
    assert found.cors_origins == ("https://b", "https://c")


@pytest.mark.parametrize("text", ["prt = 1", "port = 70000", "port = [", 'log_format = "xml"'])
def test_settings_that_cannot_be_used_are_refused(tmp_path, text):
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(InvalidInputError):
        load_settings(file, environment={})


def test_off_loopback_keys_are_needed_and_any_host_is_named():
    assert (Settings().needs_key, Settings().hosts) == (False, ("127.0.0.1", "::1", "localhost"))
    away = Settings(host="0.0.0.0")
    assert (away.needs_key, away.hosts) == (True, ())
    assert Settings(require_key=True).needs_key


def test_keys_are_made_listed_and_revoked_by_the_command(tmp_path):
    run, store = CliRunner(), ["--store", str(tmp_path / "store")]
    made = run.invoke(keys, ["create", "bot", "--scope", "c=read", "--filter", '{"metadata.a": 1}', *store])
    secret = made.output.strip()
    [key] = KeyFile(tmp_path / "store" / "keys.json").keys()
    assert secret.startswith(f"ld_{key.id}_")
    listed = run.invoke(keys, ["list", *store]).output
    assert f'{key.id} bot: c=read filter {{"metadata.a": 1}}' in listed
    assert secret not in listed
    assert run.invoke(keys, ["revoke", key.id, *store]).exit_code == 0
    assert run.invoke(keys, ["revoke", key.id, *store]).exit_code == 1
    assert run.invoke(keys, ["create", "x", "--scope", "c", *store]).exit_code == 2
