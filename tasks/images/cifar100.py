from dataclasses import replace

from benchmark import Task, task

from ._cifar import STYLES, Source, cifar
from ._cifar100 import ARCHIVE, STATISTICS


@task
def cifar100(*, recipe: Source = "openlth") -> Task:
    """CIFAR-100: 60,000 photographs of 100 classes, 32 by 32 pixels (Krizhevsky, 2009).

    Options:
        recipe: source of the recipe: openlth (Frankle et al.; normalised by ImageNet's statistics, batch norm starting
            from [0, 1]), renda (Renda et al., 2020), synflow (Tanaka et al., 2020), granet (Liu et al., 2021), rigl
            (Evci et al., 2020), or cpu: of no paper, ten epochs for resnet-20-half on one core; conv-2, -4 and -6
            always train as in Frankle & Carbin (2019)
    """
    style = replace(STYLES[recipe], reflect=False)  # GraNet pads by reflection on CIFAR-10 only
    return cifar(ARCHIVE, 100, STATISTICS, style)
