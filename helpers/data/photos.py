"""A few real photos that come inside installed packages: no network, and no copy of them in the course."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from helpers.data.images import open_image
from helpers.errors import CourseError


@dataclass(frozen=True)
class ExamplePhoto:
    """A photo and what a network trained on ImageNet may rightly call it.

    Attributes:
        image: RGB.
        shows: what a person sees in it.
        source: the package that ships it, with the credit and licence stated there.
        accept: ImageNet category names, spelled as torchvision's `weights.meta["categories"]`.
    """

    image: Image.Image
    shows: str
    source: str
    accept: frozenset[str]


# (package, file inside it, what it shows, source, accepted categories). Credits are those of
# skimage/data/_fetchers.py (scikit-image 0.26) and sklearn/datasets/images/README.txt (scikit-learn 1.9).
_PHOTOS = {
    "chelsea": (
        "skimage",
        "data/chelsea.png",
        "a ginger tabby cat",
        "scikit-image, photo by Stefan van der Walt, CC0",
        {"tabby", "tiger cat", "Egyptian cat"},
    ),
    "coffee": (
        "skimage",
        "data/coffee.png",
        "a cup of espresso on a wooden table",
        "scikit-image, photo by Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0",
        {"espresso", "cup", "coffee mug"},
    ),
    "camera": (
        "skimage",
        "data/camera.png",
        "a man with a camera on a tripod, in gray",
        "scikit-image, photo by Lav Varshney, CC0",
        {"tripod"},
    ),
    "rocket": (
        "skimage",
        "data/rocket.jpg",
        "a Falcon 9 on its launch pad; ImageNet has no rocket but a missile",
        "scikit-image, photo by SpaceX, released to the public domain",
        {"missile", "projectile"},
    ),
    "china": (
        "sklearn",
        "datasets/images/china.jpg",
        "a tower of the Summer Palace in Beijing",
        "scikit-learn, photo by danielbuechele on Flickr, CC BY 2.0",
        {"palace", "monastery", "bell cote", "stupa"},
    ),
    "flower": (
        "sklearn",
        "datasets/images/flower.jpg",
        "a dahlia; ImageNet has no dahlia but a daisy, which is of the same family",
        "scikit-learn, photo at flickr.com/photos/vultilion/6056698931, CC BY 2.0",
        {"daisy"},
    ),
}


def example_photos() -> dict[str, ExamplePhoto]:
    """Six photos by name, read from scikit-image and scikit-learn as installed.

    Raises:
        CourseError: a package or its photo is missing.
    """
    return {
        name: ExamplePhoto(open_image(_bundled(package, file)), shows, source, frozenset(accept))
        for name, (package, file, shows, source, accept) in _PHOTOS.items()
    }


def _bundled(package: str, file: str) -> Path:
    """The file's path, without importing the package: scikit-image alone takes a second."""
    spec = find_spec(package)
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or []]
    found = next((folder / file for folder in folders if (folder / file).is_file()), None)
    if found is None:
        raise CourseError(f"{package} does not bring {file}: run `make setup` for the version that the course uses")
    return found
