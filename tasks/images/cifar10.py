from torchvision import datasets

from benchmark import Task, task

from ._cifar import STYLES, Source, cifar

STATISTICS = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
"""Mean and standard deviation of the 50,000 training images, by channel."""


@task
def cifar10(*, recipe: Source = "openlth") -> Task:
    """CIFAR-10: 60,000 photographs of 10 classes, 32 by 32 pixels (Krizhevsky, 2009).

    Options:
        recipe: source of the recipe: openlth (Frankle et al.; normalised by ImageNet's statistics, batch norm starting
            from [0, 1]), renda (Renda et al., 2020), synflow (Tanaka et al., 2020), granet (Liu et al., 2021; padded by
            reflection), rigl (Evci et al., 2020), or cpu: of no paper, ten epochs that resnet-20-half trains in a
            quarter of an hour on one core; conv-2, -4 and -6 always train as in Frankle & Carbin (2019)
    """
    return cifar(datasets.CIFAR10, 10, STATISTICS, STYLES[recipe])
