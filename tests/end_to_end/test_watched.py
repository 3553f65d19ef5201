"""The README's "Watch it", word for word: its commands, its file for Prometheus, a real scrape."""

import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tests.end_to_end.test_program import Program, running
from tests.monitoring.test_metrics import metrics_in
from tests.support.clients import Client

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("\n### Watch it\n")[2].partition("\n### ")[0]
ASKING, INSTALLING = re.findall(r"^```sh\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
(FILE,) = re.findall(r"^```yaml\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)

ACCEPT = (  # that of Prometheus 3
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.fixture
def program() -> Iterator[tuple[Program, str]]:
    """Run the program as the README starts it, but at free ports; yield it and its web port."""
    with running("--host", "127.0.0.1", "--port", "0", "--web-port", "0") as program:
        port = program.read_until(r"server bound .*:(\d+) \(browsers\)")[1]
        yield program, port


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_show_that_it_is_well_and_its_figures(program: tuple[Program, str]) -> None:
    _, port = program
    health, figures = (
        subprocess.run(
            [*command.replace(":8080", f":{port}").split(), "--silent", "--show-error", "--fail"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        for command in ASKING.splitlines()
    )
    assert (health.returncode, health.stdout, health.stderr) == (0, "ok\n", "")
    assert (figures.returncode, figures.stderr) == (0, "")
    assert 'threadchat_people{door="terminal"} 0.0\n' in figures.stdout


def test_what_is_to_be_installed_is_an_extra() -> None:
    assert "'.[metrics]'" in INSTALLING
    assert "metrics" in (metadata.metadata("threadchat").get_all("Provides-Extra") or ())


def test_prometheus_finds_what_its_file_says(program: tuple[Program, str], tmp_path: Path) -> None:
    server, port = program
    promtool = shutil.which("promtool")
    if promtool is not None:
        (tmp_path / "prometheus.yml").write_text(FILE)
        command = [promtool, "check", "config", "prometheus.yml"]
        assert (
            subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60).returncode == 0
        )
    (target,) = re.findall(r'targets: \["(.*)"\]', FILE)
    with Client(server, "al") as al:
        al.sync()
        url = f"http://{target.replace(':8080', f':{port}')}/metrics"
        request = urllib.request.Request(url, headers={"Accept": ACCEPT})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read().decode()
    people = {
        it.labels["door"]: it.value
        for metric in metrics_in("application/openmetrics-text", text)
        for it in metric.samples
        if it.name == "threadchat_people"
    }
    assert (people["terminal"], people["browser"]) == (1, 0)
    assert server.stop() == 0
