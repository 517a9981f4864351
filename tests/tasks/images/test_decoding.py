"""Image files of every kind: what is decoded is what users see, and what cannot be decoded is named."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmark.tasks.images._decoding import decoded, is_image, suffixes
from benchmark.tasks.images._image_folder import class_folders, listed, say
from PIL import Image

RED = Image.new("RGB", (8, 8), (200, 40, 0))


@pytest.mark.parametrize("kind", ["png", "tiff", "ppm"])
def test_sixteen_bits_keep_their_tones(tmp_path: Path, kind: str) -> None:
    tones = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1040
    file = tmp_path / f"a.{'pgm' if kind == 'ppm' else kind}"
    Image.fromarray(tones.astype(np.int32) if kind == "ppm" else tones).save(file)  # as Pillow 10 has to be given it
    expected = torch.from_numpy((tones / 65_535 * 255).round()).to(torch.uint8)
    assert torch.equal(decoded(file, 8), expected.expand(3, 8, 8))


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_either_byte_order_has_the_same_tones(tmp_path: Path, order: str) -> None:
    tones = np.full((8, 8), 257 * 100, dtype=order)
    mode = "I;16" if order == "<u2" else "I;16B"
    Image.frombytes(mode, (8, 8), tones.tobytes()).save(tmp_path / "a.tif")
    assert decoded(tmp_path / "a.tif", 8).unique().tolist() == [100]


@pytest.mark.parametrize("values", [np.float32(0.5), np.int32(70_000), np.int32(-1)])
def test_pixels_without_a_known_range_are_refused(tmp_path: Path, values: np.generic) -> None:
    Image.fromarray(np.full((8, 8), values)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"image .*a.tif cannot be read: ValueError: its pixels are"):
        decoded(tmp_path / "a.tif", 8)


MODES: dict[str, Callable[[Path], None]] = {
    "RGBA.png": lambda file: RED.convert("RGBA").save(file),
    "palette.gif": lambda file: RED.convert("P", palette=Image.Palette.ADAPTIVE).save(file),
    "transparent.png": lambda file: RED.convert("P", palette=Image.Palette.ADAPTIVE).save(
        file, transparency=b"\x80" * 256
    ),
    "cmyk.tif": lambda file: RED.convert("CMYK").save(file),
    "lossless.webp": lambda file: RED.save(file, lossless=True),
    "a.BMP": RED.save,
    "two.gif": lambda file: RED.save(file, save_all=True, append_images=[Image.new("RGB", (8, 8))]),
}


@pytest.mark.parametrize("name", MODES)
def test_every_mode_has_its_colours(tmp_path: Path, name: str) -> None:
    MODES[name](tmp_path / name)
    assert is_image(tmp_path / name)
    assert torch.equal(decoded(tmp_path / name, 8)[:, 4, 4], torch.tensor([200, 40, 0], dtype=torch.uint8))


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    upright = np.zeros((8, 8, 3), dtype=np.uint8)
    upright[:4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(upright).rotate(90).save(tmp_path / "a.png", exif=exif)
    assert torch.equal(decoded(tmp_path / "a.png", 8), torch.from_numpy(upright).permute(2, 0, 1))


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "bmp", "webp", "tif"])
@pytest.mark.parametrize("part", [0.0, 0.5])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, kind: str, part: float) -> None:
    file = tmp_path / f"a.{kind}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[: int(part * file.stat().st_size)])
    with pytest.raises(ValueError, match=f"image {file} cannot be read"):
        decoded(file, 32)


@pytest.mark.parametrize("name", ["a.eps", "a.png"])
def test_postscript_is_not_run(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow gives it to Ghostscript, whatever the suffix says."""
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path / 'proof'}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    RED.save(tmp_path / name, format="EPS")
    with pytest.raises(ValueError, match="cannot be read"):
        decoded(tmp_path / name, 8)
    assert not (tmp_path / "proof").exists()
    assert not is_image(tmp_path / "a.eps")


def test_the_usual_suffixes_are_read() -> None:
    assert {".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"} <= suffixes()
    assert not {".eps", ".ps", ".pdf", ".h5", ".mpg"} & suffixes()


def test_what_is_passed_over_is_said_with_its_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say.cache_clear()
    for name in ("cat", ".hidden", "empty"):
        (tmp_path / name).mkdir()
    for name in ("a.png", "._a.png", "b.JPG"):
        RED.save(tmp_path / "cat" / name)
    RED.save(tmp_path / ".hidden" / "a.png")
    (tmp_path / "cat" / "more.png").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("")
    assert class_folders(tmp_path) == ["cat"]
    assert [file.name for file in listed(tmp_path, ["cat"], 8).files] == ["a.png", "b.JPG"]
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"{tmp_path}: 2 folders are hidden or hold no images and are no classes: .hidden, empty",
        f"{tmp_path}: 3 files and folders in classes are no images and passed over, like {tmp_path}/cat/._a.png",
    ]
    class_folders(tmp_path)
    assert not capsys.readouterr().err, "once"


def test_a_broken_link_is_an_error_and_not_an_example_less(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.png").symlink_to("nowhere")
    [file] = listed(tmp_path, ["cat"], 8).files
    with pytest.raises(ValueError, match=r"a.png cannot be read: FileNotFoundError"):
        decoded(file, 8)
