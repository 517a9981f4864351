"""Finds the records whose masks algorithms are to use (`Run.found`): those named by an option of type `Key`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.errors import UsageError
from benchmark.harness.found import MaskFile
from benchmark.harness.question import Method, sources_of
from benchmark.results.cell import Cell
from benchmark.results.lookup import find_record
from benchmark.results.record import Record
from benchmark.results.saved_masks import own_file
from benchmark.results.store import Store


@dataclass(frozen=True)
class Sources:
    """The records of a results folder, as sources of masks."""

    store: Store

    def named(self, options: Mapping[str, Any], algorithm: Method) -> tuple[dict[str, Any], list[Record]]:
        """The options with whole keys in place of first digits, and the records that they name.

        Raises:
            UsageError: there is no such record, or it has no masks.
        """
        records = {name: self._record(str(options[name])) for name in sorted(algorithm.keys) if options[name]}
        return {**options, **{name: record.key for name, record in records.items()}}, list(records.values())

    def files(self, cells: Iterable[Cell], algorithms: Mapping[str, Method]) -> dict[str, MaskFile]:
        """The masks that these cells need, by key of their record.

        Raises:
            UsageError: there is no such record, it has no masks, or these are not in the results folder.
            DataMissing: they are packed, and damaged.
        """
        keys = dict.fromkeys(key for cell in cells for key in sources_of(cell, algorithms[cell.algorithm]))
        return {key: self._file(self._record(key)) for key in keys}

    def _record(self, text: str) -> Record:
        if not self.store.find(text):
            raise UsageError(
                f"no record '{text}' in {self.store.root}, whose masks are asked for; make it first: "
                f"bench run --algo imp --results {self.store.root} prints the key at the end of its line"
            )
        record = find_record(text, self.store)
        if record.status != "ok":
            raise UsageError(f"record {record.key[:8]} has no masks: it is {record.status}: {record.error}")
        return record

    def _file(self, record: Record) -> MaskFile:
        file = own_file(self.store, record)
        if file is None:
            command = record.provenance.get("command", f"bench run --algo {record.cell.algorithm}")
            raise UsageError(
                f"the masks of record {record.key[:8]} are not in {self.store.root}; make them again: "
                f"{command} --rerun all --results {self.store.root}"
            )
        return MaskFile(file, str(record.mask_digest))
