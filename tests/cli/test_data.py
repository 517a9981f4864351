"""`bench data`: what is where; fetched whole or not at all, from the net, a mirror or a copy; verified by checksums."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from torchvision import datasets

from benchmark.data.checksums import hashed
from benchmark.data.download import obtain
from benchmark.errors import DataMissing
from benchmark.files import file_lock
from benchmark.plugins import registry
from tests.support.command import Bench
from tests.support.outside import plant

CONTENT = {"packed/a.txt": b"first" * 50_000, "packed/b.txt": b"second"}

PACKED = '''
    """Packed: the toy task behind an archive (Nobody, 2026)."""
    import os
    import shutil
    from dataclasses import replace

    from benchmark.data.source import DataSource, Download
    from benchmark.contract.toy import toy

    def unpack(folder):
        shutil.unpack_archive(folder / "in" / "packed.zip", folder)

    def data(folder):
        (folder / "packed" / "b.txt").read_text()
        return toy.data(folder)

    packed = replace(
        toy,
        data=DataSource(
            data,
            files=("packed/a.txt", "packed/b.txt"),
            checksums={"packed/a.txt": os.environ["SUM"]},
            downloads=(Download(os.environ["URL"], "in/packed.zip", os.environ["DIGEST"]),),
            fetch=unpack,
        ),
    )
'''


@pytest.fixture(scope="module")
def archive() -> bytes:
    """Stored, not compressed, so that it is long enough to break off."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in CONTENT.items():
            file.writestr(name, content)
    return packed.getvalue()


class Server:
    """Serves one file, and remembers from which byte it was asked for."""

    def __init__(self, content: bytes) -> None:
        self.content, self.ranges, self.cut, self.asked = content, True, len(content), list[int]()
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
                served.asked.append(start)
                if not self.path.endswith("/packed.zip"):
                    self.send_error(404)
                    return
                start = start if served.ranges else 0
                if start >= len(served.content):
                    self.send_error(416)
                    return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(served.content) - start))
                self.end_headers()
                self.wfile.write(served.content[start : served.cut])

            def log_message(self, *_: object) -> None:
                """Not into the test's output."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server(archive: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Server(archive)
    thread = Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


@pytest.fixture(autouse=True)
def cache(
    tmp_path: Path,
    archive: bytes,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    known: Callable[[Path], None],
) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PRUNEBENCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("URL", f"{server.url}/far/packed.zip")
    monkeypatch.setenv("DIGEST", f"sha256:{hashlib.sha256(archive).hexdigest()}")
    monkeypatch.setenv("SUM", f"md5:{hashlib.md5(CONTENT['packed/a.txt']).hexdigest()}")
    plant(tmp_path / "site", "task", "packed", PACKED)
    known(tmp_path / "site")
    return tmp_path / "cache" / "prunebench" / "data"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in a folder but locks."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# --- fetching ---------------------------------------------------------------------------------------------------------


def test_what_is_published_is_fetched_once(bench: Bench, cache: Path, server: Server) -> None:
    ended = bench("data", "fetch", "packed")
    assert ended.code == 0, ended.err
    assert contents(cache) == CONTENT, "and no archive is left"
    again = bench("data", "fetch", "packed")
    assert again.err.strip() == f"packed: in {cache} already"
    assert server.asked == [0]


@pytest.mark.runs
def test_a_run_fetches_what_it_needs(bench: Bench, cache: Path) -> None:
    ended = bench("run", "--algo", "dense", "--task", "packed", "--budget", "smoke", "--jobs", "0")
    assert ended.code == 0, ended.err
    assert contents(cache) == CONTENT


@pytest.mark.parametrize("ranges", [True, False], ids=["a server that resumes", "one that starts again"])
def test_a_broken_download_goes_on_from_where_it_was(bench: Bench, cache: Path, server: Server, ranges: bool) -> None:
    server.cut, server.ranges = 100_000, ranges
    broken = bench("data", "fetch", "packed")
    assert broken.code == 4
    assert "the connection ended after 100,000 of " in broken.err
    assert not (cache / "packed").exists(), "nothing in part"
    server.cut = len(server.content)
    assert bench("data", "fetch", "packed").code == 0
    assert server.asked == [0, 100_000]
    assert contents(cache) == CONTENT


def test_an_archive_that_is_here_whole_is_not_sent_again(bench: Bench, cache: Path, server: Server) -> None:
    part = cache / ".packed" / "in" / "packed.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.content)
    assert bench("data", "fetch", "packed").code == 0
    assert contents(cache) == CONTENT


def test_an_archive_that_is_not_what_was_published_is_thrown_away(bench: Bench, cache: Path, server: Server) -> None:
    whole, server.content = server.content, server.content[:-1] + b"?"
    ended = bench("data", "fetch", "packed")
    assert ended.code == 4
    assert "is not what was published: sha256:" in ended.err
    assert contents(cache) == {}
    server.content = whole
    assert bench("data", "fetch", "packed").code == 0


def test_files_that_are_not_what_was_published_are_not_let_in(
    bench: Bench, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUM", f"md5:{'0' * 32}")
    ended = bench("data", "fetch", "packed")
    assert ended.code == 4
    assert "what came is not what was published: packed/a.txt is corrupt" in ended.err
    assert contents(cache) == {}


def test_a_mirror_is_asked_for_the_same_file(
    bench: Bench, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URL", "http://127.0.0.1:9/packed.zip")
    assert bench("data", "fetch", "packed").code == 4
    assert bench("data", "fetch", "packed", "--from", f"{server.url}/near/").code == 0
    assert contents(cache) == CONTENT


def test_a_mirror_without_the_file_is_told(bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.content = b""
    ended = bench("data", "fetch", "packed", "--from", server.url)
    assert ended.code == 4
    assert f"Error: data set 'packed' cannot be fetched: {server.url}/packed.zip: HTTP Error 416" in ended.err
    assert "With a copy: bench data fetch packed --from DIR" in ended.err


@pytest.mark.parametrize("kind", ["files", "archive", "file address"])
def test_a_copy_will_do(kind: str, bench: Bench, cache: Path, server: Server, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    if kind == "files":
        for name, content in CONTENT.items():
            (copy / name).parent.mkdir(exist_ok=True)
            (copy / name).write_bytes(content)
    else:
        (copy / "packed.zip").write_bytes(server.content)
    ended = bench("data", "fetch", "packed", "--from", copy.as_uri() if kind == "file address" else copy)
    assert ended.code == 0, ended.err
    assert contents(cache) == CONTENT
    assert server.asked == []


def test_a_folder_without_a_copy_is_told(bench: Bench, tmp_path: Path) -> None:
    ended = bench("data", "fetch", "packed", "--from", tmp_path)
    assert ended.code == 4
    assert f"{tmp_path} holds neither packed/a.txt nor packed.zip" in ended.err


def test_offline_downloads_nothing(bench: Bench, cache: Path, server: Server, tmp_path: Path) -> None:
    ended = bench("data", "fetch", "packed", "--offline")
    assert ended.code == 4
    assert (
        f"data set 'packed' is not in {cache} (looked for packed/a.txt, packed/b.txt); --offline downloads nothing"
        in ended.err
    )
    assert server.asked == []
    (tmp_path / "packed.zip").write_bytes(server.content)
    assert bench("data", "fetch", "packed", "--offline", "--from", tmp_path).code == 0
    assert bench("data", "fetch", "packed", "--offline").code == 0


def test_what_is_embedded_needs_no_fetching(bench: Bench) -> None:
    assert bench("data", "fetch", "digits").err.strip() == "digits: embedded, nothing to fetch"


def test_what_cannot_be_downloaded_is_told(bench: Bench) -> None:
    ended = bench("data", "fetch", "imagenet-subset:folder=imagenet")
    assert ended.code == 4
    assert "data set 'imagenet-subset:folder=imagenet' cannot be fetched: it has no download" in ended.err


def test_two_processes_do_not_fetch_at_once(cache: Path, server: Server) -> None:
    cache.mkdir(parents=True)
    with file_lock(cache / ".packed"):
        thread = Thread(target=obtain, args=("packed", registry.task("packed").source, cache))
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive()
        assert server.asked == []
    thread.join(timeout=30)
    assert contents(cache) == CONTENT


# --- listing and verifying --------------------------------------------------------------------------------------------


def test_the_list_says_what_is_where(bench: Bench, cache: Path) -> None:
    before, _ = (json.loads(bench("data", "list", "--format", "json").out), bench("data", "fetch", "packed"))
    after = json.loads(bench("data", "list", "--format", "json").out)
    rows = [{row["task"]: row for row in told} for told in (before, after)]
    assert [row["packed"]["data"] for row in rows] == ["missing", "here"]
    assert rows[1]["packed"]["in"] == str(cache)
    assert rows[1]["packed"]["bytes"] == sum(map(len, CONTENT.values()))
    assert rows[1]["digits"]["data"] == "embedded"
    assert rows[1]["cifar10"]["fetch"] == "bench data fetch cifar10"
    assert rows[1]["imagenet-subset"]["fetch"] == "by hand"
    assert "packed/a.txt and 1 more" in bench("data", "list").out


def test_sound_data_are_verified(bench: Bench) -> None:
    bench("data", "fetch", "packed")
    ended = bench("data", "verify", "packed", "digits", "--format", "json")
    assert ended.code == 0, ended.err
    assert [(row["file"], row["is"]) for row in json.loads(ended.out)] == [
        ("packed/a.txt", "ok"),
        ("packed/b.txt", "there"),
        ("as the task reads it", "200 training, 40 validation, 80 test"),
        ("as the task reads it", "1,257 training, 180 validation, 360 test"),
    ]


def test_a_cache_that_cannot_be_made_is_one_clear_line(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.delenv("PRUNEBENCH_DATA", raising=False)
    ended = bench("data", "fetch", "mnist")
    assert ended.code == 4
    assert "cannot be written" in ended.err


@pytest.mark.parametrize(("file", "content", "words"), [("a", b"firsT", "corrupt"), ("b", b"\xff", "unreadable: Uni")])
def test_data_that_are_not_sound_end_with_4(bench: Bench, cache: Path, file: str, content: bytes, words: str) -> None:
    bench("data", "fetch", "packed")
    (cache / "packed" / f"{file}.txt").write_bytes(content)
    ended = bench("data", "verify", "packed")
    assert ended.code == 4
    assert words in ended.out
    assert f"not sound: 'packed' in {cache}" in ended.err


def test_what_is_not_there_cannot_be_verified(bench: Bench) -> None:
    ended = bench("data", "verify", "packed")
    assert ended.code == 4
    assert "looked for packed/a.txt" in ended.err


def test_what_is_corrupt_in_the_cache_is_fetched_again_and_elsewhere_is_told(
    bench: Bench, cache: Path, tmp_path: Path
) -> None:
    bench("data", "fetch", "packed")
    (cache / "packed" / "a.txt").write_bytes(b"torn")
    assert bench("data", "fetch", "packed").code == 0
    assert contents(cache) == CONTENT
    shutil.copytree(cache / "packed", tmp_path / "own" / "packed")
    (tmp_path / "own" / "packed" / "a.txt").write_bytes(b"torn")
    ended = bench("data", "fetch", "packed", "--data-root", tmp_path / "own")
    assert ended.code == 4
    assert "is corrupt: packed/a.txt; bench data does not change this folder: replace the files there" in ended.err


def test_the_checksums_are_those_of_the_published_files(real_data: Path) -> None:
    task = registry.task("mnist").source
    assert {name: hashed(real_data / name, "md5") for name in task.files} == task.checksums


def test_archives_are_asked_for_as_torchvision_does(tmp_path: Path) -> None:
    for name in ("mnist", "cifar10", "cifar100"):
        task = registry.task(name).source
        assert all(item.digest.startswith("md5:") for item in task.downloads)
        assert all(item.url.startswith("https://") for item in task.downloads)
        with pytest.raises(DataMissing, match="holds neither"):
            obtain(name, task, tmp_path / "cache", str(tmp_path))


@pytest.mark.slow
def test_torchvision_unpacks_what_was_brought(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed again here, so with other sums than the published ones: torchvision is told of these."""
    task, packed = registry.task("mnist").source, tmp_path / "packed"
    packed.mkdir()
    for name in task.files:
        file = packed / f"{name.rpartition('/')[2]}.gz"
        file.write_bytes(gzip.compress((real_data / name).read_bytes(), compresslevel=1, mtime=0))
    downloads = tuple(replace(item, digest=hashed(packed / item.name, "md5")) for item in task.downloads)
    known = [(item.name, item.digest.removeprefix("md5:")) for item in downloads]
    monkeypatch.setattr(datasets.MNIST, "resources", known)
    obtain("mnist", replace(task, downloads=downloads), tmp_path / "cache", packed.as_uri())
    assert sorted(contents(tmp_path / "cache")) == sorted(task.files)
    assert len(task.load(tmp_path / "cache").test) == 10_000
