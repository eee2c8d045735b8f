"""The directive ``{live}``: a figure that answers to keyboard and pointer, or stands still.

``{live} NAME`` stands where ``book/assets/explorers/NAME.js`` draws, in the element ``live-NAME``.
The option ``scripts`` names what that needs, in order. Readers without scripts see ``NAME.svg``,
which ``tools.explorers`` draws and the option ``alt`` describes, and the directive's text.
"""

from html import escape
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FOLDER = "../_static/explorers"


class LiveDirective(SphinxDirective):
    """A live figure."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {
        "alt": directives.unchanged_required,
        "scripts": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """Its element, the still figure, and its scripts, each once a page."""
        name = self.arguments[0]
        asked = self.env.temp_data.setdefault("live_scripts", set())
        scripts = [each for each in (*self.options["scripts"].split(), name) if each not in asked]
        asked |= set(scripts)
        missed = escape(" ".join(self.content), quote=False)
        first = len(asked) == len(scripts)
        parts = [
            f'<link rel="stylesheet" href="{FOLDER}/explorers.css">' if first else "",
            f'<div id="live-{name}" class="explorer"></div>',
            f'<noscript><img class="explorer-still" src="{FOLDER}/{name}.svg" '
            f'alt="{escape(self.options["alt"])}"><p>{missed}</p></noscript>',
            *(f'<script src="{FOLDER}/{each}.js" defer></script>' for each in scripts),
        ]
        return [nodes.raw("", "\n".join(filter(None, parts)), format="html")]


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("live", LiveDirective)
