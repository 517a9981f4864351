"""The version of the interface that plug-ins are written against, and the check that a plug-in was made for it."""

from __future__ import annotations

INTERFACE = 1
"""It increases when plug-ins have to change: a verb, an argument or a field is gone, or its meaning has changed."""

CONSTANT = "PRUNEBENCH_INTERFACE"
"""The name that a plug-in's module may give to the version that it is written for, `PRUNEBENCH_INTERFACE = 1`."""


def made_for_another(version: str) -> str:
    """What is wrong if a module declares another version; empty if it declares this one, or none.

    Args:
        version: the version as the module writes it; empty if it declares none.
    """
    if version in ("", str(INTERFACE)):
        return ""
    newer = version.isdecimal() and int(version) > INTERFACE
    remedy = "install a newer prunebench" if newer else f"see CHANGELOG.md, and set {CONSTANT} = {INTERFACE}"
    return f"it is made for plug-in interface {version}, and this prunebench has {INTERFACE}; {remedy}"
