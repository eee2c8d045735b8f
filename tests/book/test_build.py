"""The build itself: an error in a cell must fail it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGE = """# Page

```{{code-cell}} python3
{code}
```
"""


def build(folder, code):
    """Build a book of one page with the settings of ours, and return the exit status."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "book" / "assets", folder / "book" / "assets")
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copy(ROOT / "_config.yml", folder)
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    (folder / "_build" / "assets").mkdir(parents=True)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/page\n")
    header = (ROOT / "book" / "welcome.md").read_text().split("# Can")[0]
    (folder / "book" / "page.md").write_text(header + PAGE.format(code=code))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["jupyter-book", "build", ".", "-W", "--keep-going", "-n"],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        check=False,
    ).returncode


def test_an_error_in_a_cell_fails_the_build(tmp_path):
    assert build(tmp_path / "book", "1 / 0") != 0
    assert build(tmp_path / "book", "1 / 1") == 0
