"""Options that several tasks on text have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

_BELOW = r"\w[\w.-]*(/\w[\w.-]*)*"

Folder = Annotated[str, Field(pattern=rf"^{_BELOW}$", description="a folder's name below the data root")]

CorpusName = Annotated[str, Field(pattern=rf"^{_BELOW}$", description="a folder or file below the data root")]

VocabularyName = Annotated[
    str, Field(pattern=rf"^{_BELOW}(:[1-9]\d*)?$", description="a folder below the data root | CORPUS:SIZE")
]

RowLength = Annotated[int, Field(ge=3, description="whole number >= 3")]
"""Room for one word piece between the two that are no words."""

MaskedLength = Annotated[int, Field(ge=4, description="whole number >= 4")]
"""Of three and fewer word pieces, 15 % are none."""
