"""Take the figure of the README from the built welcome page: ``python -m tools.readme_figure``."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "_build" / "html" / "book" / "welcome.html"
FIGURE = ROOT / "book" / "assets" / "failure.png"


def main() -> None:
    """Copy the first figure that a cell of the page made."""
    address = re.search(r'cell_output.*?<img[^>]*src="([^"]+)"', PAGE.read_text(), re.DOTALL)
    shutil.copyfile(PAGE.parent / address[1], FIGURE)
    print(f"wrote {FIGURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
