from benchmark import Task, task

from ._cifar import STYLES, Archive, Source, cifar

ARCHIVE = Archive(
    "cifar-10-python",
    "c58f30108f718f92721af3b95e74349a",
    "cifar-10-batches-py",
    train={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test={"test_batch": "40351d587109b95175f43aff81a1287e"},
    meta={"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
)

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
    return cifar(ARCHIVE, 10, STATISTICS, STYLES[recipe])
