"""Options that several experiments have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Several = Annotated[str, Field(pattern=r"^[1-9]\d{0,4}(,[1-9]\d{0,4})*$", description="whole numbers, as 8,12")]

_SHARE = r"(0(\.\d+)?|\.\d+|1(\.0+)?)"
Shares = Annotated[str, Field(pattern=f"^{_SHARE}(,{_SHARE})*$", description="numbers from 0 to 1, as 0.5,0.9")]

_AMOUNT = r"(\d+(\.\d*)?|\.\d+)(e-?\d+)?"
Amounts = Annotated[str, Field(pattern=f"^{_AMOUNT}(,{_AMOUNT})*$", description="numbers from 0 on, as 0.25,4")]
AmountsOrNone = Annotated[
    str, Field(pattern=f"^({_AMOUNT}(,{_AMOUNT})*)?$", description="numbers from 0 on, as 0.25,4")
]


def numbers(several: Several) -> list[int]:
    """The numbers in a text, in their order."""
    return [int(number) for number in several.split(",")]


def shares(several: Shares) -> list[float]:
    """The shares in a text, in their order."""
    return [float(share) for share in several.split(",")]


def with_option(task: str, options: str) -> str:
    """A task, as for `--task`, with more options, which replace its own options of the same names."""
    name, _, own = task.partition(":")
    given = {option.partition("=")[0] for option in options.split(",")}
    kept = [option for option in own.split(",") if option and option.partition("=")[0] not in given]
    return f"{name}:{','.join([*kept, options])}"
