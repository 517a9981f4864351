"""A device that is pretended: its tensors are in the memory of the CPU, and do not meet those of the CPU.

What runs on it has the bits that it has on the CPU, and fails where a GPU would refuse: an operation on tensors of
both, an index of the device into a tensor of the CPU, a tensor for numpy. Operations that a GPU has to be waited for,
such as reading a number back, are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

PRETENDED = torch.device("meta")
"""Its name, which autograd knows, and needs no device for. No tensor without values is made while it is pretended."""

aten = torch.ops.aten
COPIES = {aten.copy_.default, aten._to_copy.default}
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
"""A GPU takes indices from the CPU, and copies them."""
WAITED_FOR = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.bincount, aten._unique2}
"""What is read back, and what has a shape that the values decide."""

OPTIMIZER = import_module("torch.optim.optimizer")  # torch.optim hides it
FUSED = "_get_fused_kernels_supported_devices"


class There(Tensor):
    """A tensor on the device.

    Attributes:
        here: its values, on the CPU.
    """

    here: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, here: Tensor) -> There:
        about = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
        made = Tensor._make_wrapper_subclass(cls, here.size(), **about, layout=here.layout, device=PRETENDED)
        assert isinstance(made, cls)
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _carried_out(function, args, kwargs or {})

    def tolist(self) -> Any:
        return self.cpu().tolist()


class _Operations(TorchDispatchMode):
    """Carries out every operation where its tensors are, or where it is told to make one."""

    def __init__(self, waits: list[str]) -> None:
        super().__init__()
        self._waits = waits

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        from_there = any(isinstance(one, There) for one in tree_leaves((args, kwargs)))
        if from_there and (_is_waited_for(function, args) or _leads_to_the_cpu(function, args, kwargs)):
            self._waits.append(str(function))
        return _carried_out(function, args, kwargs)


class _Constructors(TorchFunctionMode):
    """Copies to the device what is made of numbers there, which no operation does by itself."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if function in (torch.tensor, torch.as_tensor, torch.asarray):
            device = given.pop("device", None)
            made = function(*args, **given)
            return made if device is None else made.to(device)
        return function(*args, **given)


@contextmanager
def pretended() -> Iterator[list[str]]:
    """The device is there within this context. Yields the list of operations that a GPU has to be waited for."""
    waits: list[str] = []
    fused = [*getattr(OPTIMIZER, FUSED)(), PRETENDED.type]
    with ExitStack() as stack:
        stack.enter_context(patch.object(OPTIMIZER, FUSED, lambda: fused))
        stack.enter_context(_Operations(waits))
        stack.enter_context(_Constructors())
        yield waits


def _is_waited_for(function: Any, args: Any) -> bool:
    """Whether an operation reads back, or has a shape that the values decide, as that of a mask in place of indices."""
    masked = function.overloadpacket in {one.overloadpacket for one in INDEXED} and any(
        isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8) for index in args[1]
    )
    return masked or function.overloadpacket in WAITED_FOR


def _leads_to_the_cpu(function: Any, args: Any, kwargs: Mapping[str, Any]) -> bool:
    if function is aten.copy_.default:
        return not isinstance(args[0], There)
    return function is aten._to_copy.default and kwargs.get("device", PRETENDED) != PRETENDED


def _carried_out(function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
    there = [one for one in tensors if isinstance(one, There)]
    _require_one_device(function, args, there, [one for one in tensors if not isinstance(one, There) and one.dim()])
    given = {name: tree_map(_values, value) for name, value in kwargs.items()}
    device = given.get("device")
    if device is not None:
        given |= {"device": torch.device("cpu")}
    found = function(*tree_map(_values, args), **given)
    leads_there = isinstance(args[0], There) if function is aten.copy_.default else bool(there)
    if not (leads_there if device is None else torch.device(device) == PRETENDED):
        return found
    return return_and_correct_aliasing(function, args, dict(kwargs), tree_map(_carried, found))  # type: ignore[no-untyped-call]


def _require_one_device(function: Any, args: Any, there: list[There], here: list[Tensor]) -> None:
    """Raise RuntimeError where a GPU does: single numbers and indices of the CPU may meet its tensors."""
    allowed = function in COPIES or (function in INDEXED and isinstance(args[0], There))
    if there and here and not allowed:
        shapes = ", ".join(str(tuple(one.shape)) for one in here)
        raise RuntimeError(f"{function}: tensors of the device and, of the shapes {shapes}, of the CPU")


def _values(one: Any) -> Any:
    return one.here if isinstance(one, There) else one


def _carried(one: Any) -> Any:
    return There(one) if isinstance(one, Tensor) and not isinstance(one, There) else one
