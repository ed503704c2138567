"""The data sets, all that is particular to each in one table: its classes, where its files are, and their md5s.

To add one of torchvision's in the format of MNIST, such as KMNIST, write an entry here, and no more: addresses and md5s
stand in torchvision's class (``mirrors`` and ``resources``), and a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageSet:
    """What is particular to a data set, its files in torchvision's layout.

    ``md5s`` has every file, relative to the folder of the data sets, packed (`.gz`) or not: training images, training
    labels, test images, test labels. ``archive`` is the one that has all others in it, in CIFAR's format.
    """

    classes: tuple[str, ...]
    stand_in: str  # the sample used where there are no files, of STAND_INS
    servers: tuple[str, ...]  # addresses that end before a file's name, each tried in turn
    md5s: dict[str, str]
    archive: str = ""
    shape: tuple[int, ...] = (28, 28)  # of an image

    @property
    def unpacked(self) -> tuple[str, ...]:
        """Its unpacked files, in the order of ``md5s``."""
        return tuple(dict.fromkeys(file.removesuffix(".gz") for file in self.md5s if file != self.archive))

    @property
    def parts(self) -> list[tuple[tuple[str, ...], ...]]:
        """Its parts. Each is a tuple of alternatives, the preferred one first, each a tuple of files."""
        if self.archive:
            return [(self.unpacked, (self.archive,))]
        return [tuple((form,) for form in (f"{file}.gz", file) if form in self.md5s) for file in self.unpacked]


# The samples that helpers/sample.py makes, in words.
STAND_INS = {"digits": "5,000 of MNIST's digits", "garments": "2,000 drawn garments", "scenes": "2,000 drawn scenes"}
# Addresses and md5s are torchvision's, written out, since its import takes seconds, with those of the unpacked IDX
# files, which it does not know. Test images and labels are named t10k.
SETS = {
    "MNIST": ImageSet(
        classes=tuple("0123456789"),
        stand_in="digits",
        servers=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        md5s={
            "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
            "MNIST/raw/train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "MNIST/raw/train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "MNIST/raw/t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "MNIST/raw/t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "FashionMNIST": ImageSet(
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        stand_in="garments",
        servers=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        md5s={
            "FashionMNIST/raw/train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "FashionMNIST/raw/train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
            "FashionMNIST/raw/t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
            "FashionMNIST/raw/t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
            "FashionMNIST/raw/train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "FashionMNIST/raw/train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "FashionMNIST/raw/t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
    "CIFAR10": ImageSet(
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        stand_in="scenes",
        servers=("https://www.cs.toronto.edu/~kriz/",),
        md5s={
            "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
            "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
            "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
            "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
        },
        archive="cifar-10-python.tar.gz",
        shape=(3, 32, 32),
    ),
}
