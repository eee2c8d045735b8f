"""Take the figure of the README from the built welcome page: ``python -m tools.readme_figure``."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "_build" / "html" / "book" / "welcome.html"
FIGURE = ROOT / "book" / "assets" / "failure.png"


def main() -> None:
    """Copy the figure of the page whose alternative text begins as that of the README does."""
    images = re.findall(r"<img[^>]*>", PAGE.read_text("utf-8"))
    (shown,) = (image for image in images if 'alt="The failure in three protocols' in image)
    address = re.search(r'src="([^"]+)"', shown)
    shutil.copyfile(PAGE.parent / address[1], FIGURE)
    print(f"wrote {FIGURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
