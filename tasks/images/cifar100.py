from dataclasses import replace

from benchmark import Task, task

from ._cifar import STYLES, Archive, Source, cifar

ARCHIVE = Archive(
    "cifar-100-python",
    "eb9058c3a382ffc7106e4002c42a8d85",
    "cifar-100-python",
    train={"train": "16019d7e3df5f24257cddd939b257f8d"},
    test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    meta={"meta": "7973b15100ade9c7d40fb424638fde48"},
)

STATISTICS = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
"""Mean and standard deviation of the 50,000 training images, by channel."""


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
