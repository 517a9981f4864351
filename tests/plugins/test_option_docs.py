"""What an option means is said in the docstring, or in its annotation, where several functions can share it."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest

from benchmark import Count, Doc, Fraction
from benchmark.plugins.options import Option, options_of

Rounds = Annotated[Count, Doc("how often to prune")]
Mode = Annotated[Literal["cut", "add"], Doc("cut edges,\n    or add some")]


def plugin(*, rounds: Rounds = 3, mode: Mode = "cut", share: Annotated[Fraction, Doc("of the weights")] = 0.5) -> None:
    """A plug-in.

    Options:
        share: of all weights, which the docstring says in its own words
    """


@pytest.fixture
def options() -> dict[str, Option]:
    return options_of(plugin, leading=0)


def test_a_meaning_comes_from_the_annotation(options: dict[str, Option]) -> None:
    assert options["rounds"].meaning == "how often to prune"
    assert options["mode"].meaning == "cut edges, or add some"


def test_the_docstring_goes_before_the_annotation(options: dict[str, Option]) -> None:
    assert options["share"].meaning == "of all weights, which the docstring says in its own words"


def test_the_type_is_as_it_is_without_the_doc(options: dict[str, Option]) -> None:
    assert options["rounds"].kind == Count
    assert [option.values for option in options.values()] == ["whole number >= 1", "cut | add", "number in [0, 1]"]


def test_values_are_validated_as_ever(options: dict[str, Option]) -> None:
    assert options["rounds"].parse("4") == 4
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        options["rounds"].parse("0")
