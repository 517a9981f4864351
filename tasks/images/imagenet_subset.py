from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from benchmark import Count, DataSource, Task, UsageError, task

from ._classification import METRICS
from ._imagenet import KNOWN, STYLES, Known, Selected, Source, logits, measured, models, smoothed
from ._imagenet_starts import adapted, pretrained
from ._timm import zoo

Folder = Annotated[str, Field(pattern=r"^\w[\w.-]*(/\w[\w.-]*)*$", description="a folder's name below the data root")]


def names(text: str) -> str:
    """Return class names, sorted and joined by `+`, from text in this form or from a file with one name per line."""
    if not text or text.isdigit():
        return text
    given = Path(text).read_text().split() if Path(text).is_file() else text.split("+")
    if not all(name.replace("-", "_").isidentifier() for name in given):
        raise ValueError(f"'{text}' is not a file of class names")
    return "+".join(sorted(set(given)))


Images = Annotated[int, Field(ge=0, description="whole number")]
Classes = Annotated[
    str, AfterValidator(names), Field(description="a number | n01440764+n02102040 | a file, one per line")
]


@task
def imagenet_subset(
    *,
    folder: Folder = "imagenette-96",
    classes: Classes = "",
    images: Images = 0,
    size: Count = 96,
    stored: Count = 96,
    batch: Count = 128,
    recipe: Source = "openlth",
) -> Task:
    """ImageNet subset: any folder laid out as ImageNet, by default ten classes at 96 pixels (Deng et al., 2009).

    Options:
        folder: holds train/<class>/<image> and val/<class>/<image>; val is the test split, validation is carved from
            train
        classes: the number of class folders, their names, or a file of names; empty for all of a known folder
        images: number of training images in these classes, which sets the length of an epoch; 0 for a known folder
        size: edge of the network's input, in pixels
        stored: edge of the square that images are decoded to, in pixels; training takes random crops of it, tests the
            centre
        batch: images per step; the learning rate is proportional to it
        recipe: its source: openlth (Frankle et al., 2020), rigl (Evci et al., 2020) or granet (Liu et al., 2021)
    """
    chosen = tuple(classes.split("+")) if classes and not classes.isdigit() else ()
    known = KNOWN.get(folder, Known(0, 0))
    count = Known(len(chosen) or int(classes or known.classes), images or (0 if classes else known.images))
    if not all(count):
        raise UsageError(
            f"an epoch of folder '{folder}' has no length yet: say how many classes and training images it has, "
            f"classes={classes or 'N'},images=N (known without: {', '.join(KNOWN)})"
        )
    if stored < size:
        raise UsageError(f"images stored at {stored} pixels are too small for size={size}; give stored={size} or more")
    selected, style = Selected(folder, chosen, count, size, stored), STYLES[recipe]
    return Task(
        models=models(count.classes),
        recipes=style.recipes(count.images - selected.validation, batch, size),
        data=DataSource(
            selected.load,
            files=(f"{folder}/train", f"{folder}/val"),
            fetch=selected.unpack if selected.downloads else None,
            downloads=selected.downloads,
        ),
        loss=partial(smoothed, size=size, smoothing=style.smoothing),
        evaluate=partial(measured, size=size),
        metrics=METRICS,
        model_zoos=zoo(count.classes, channels=3, size=size),
        pretrained=pretrained,
        adapt=partial(adapted, classes=chosen, folder=folder),
        logits=partial(logits, size=size),
    )
