"""The tensors of a network and their digests, which show whether and how it has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from benchmark.data.tensors import bytes_of


def tensors(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer by name, detached, including the buffers that `state_dict` leaves out."""
    return {n: value.detach() for n, value in (*model.named_parameters(), *model.named_buffers())}


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of every parameter and buffer."""
    state = tensors(model)
    return digest_of(list(state), state.values())


def network_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the tensors of a network, whatever their order: for a record, of the network as it was measured."""
    names = sorted(state)
    return digest_of(names, [state[name] for name in names])


def digest_of(about: object, values: Iterable[Tensor]) -> str:
    """SHA-256 of tensors, with their shapes and types, and of `repr(about)`."""
    hashed = list(values)
    sha = hashlib.sha256(repr([about, [(tuple(value.shape), value.dtype) for value in hashed]]).encode())
    for value in _on_cpu(hashed):
        sha.update(value.numpy().data)
    return sha.hexdigest()


def _on_cpu(values: Sequence[Tensor]) -> list[Tensor]:
    """The bytes of each tensor, uint8 [n]. Those on a GPU come in one copy, because every copy waits for the device."""
    pieces = [bytes_of(value) for value in values]
    return [torch.cat(pieces).cpu()] if any(piece.device.type != "cpu" for piece in pieces) else pieces


def comparison(model: nn.Module) -> Callable[[], bool]:
    """A function that says whether a network still has the bits that it has now.

    It compares digests on the CPU, whose memory this does not take. On a GPU it compares with a copy that lies there:
    the bytes of a large network come to the CPU, and through a hash, in the time of several steps.
    """
    if any(value.device.type != "cpu" for value in tensors(model).values()):
        return copied(model)
    before = fingerprint(model)
    return lambda: fingerprint(model) == before


def copied(model: nn.Module) -> Callable[[], bool]:
    """See `comparison`: this one holds a copy, and waits once for the device."""
    state = tensors(model)
    kinds, bits = _kinds(state), torch.cat([bytes_of(value) for value in state.values()])

    def same() -> bool:
        now = tensors(model)
        if _kinds(now) != kinds:
            return False
        pieces = [bytes_of(value) for value in now.values()]
        parts = zip(pieces, torch.split(bits, [len(piece) for piece in pieces]), strict=True)
        return bool(torch.stack([(piece == part).all() for piece, part in parts]).all())

    return same


def _kinds(state: Mapping[str, Tensor]) -> list[tuple[str, torch.Size, torch.dtype]]:
    return [(name, value.shape, value.dtype) for name, value in state.items()]


def version(model: nn.Module) -> int:
    """A number that grows with every in-place change of a parameter or buffer; cheap enough to read in every step."""
    return sum(value._version for value in (*model.parameters(), *model.buffers()))


def put(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy tensors into the parameters and buffers of these names, all of the model's."""
    with torch.no_grad():
        for name, value in tensors(model).items():
            value.copy_(state[name])
