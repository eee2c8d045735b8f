"""Run the cells of a submission, and hand over what its tests ask for: the process nobody trusts.

Started by ``tools.session``, confined before anything of the submission runs. Requests come
pickled, from code that is trusted; what goes back is JSON, whose arrays are plain bytes, and never
code.
"""

import argparse
import base64
import importlib.machinery
import json
import pickle
import sys
import types
from collections.abc import Iterator, Mapping, Set
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tools.confine import confine

ROOT = Path(__file__).parent.parent
_OF_AXES = ("xlabel", "ylabel", "xscale", "yscale", "title", "xlim", "ylim")
_ON_AXES = {
    "lines": ("xdata", "ydata", "label"),
    "patches": ("x", "y", "width", "height", "label"),
    "images": ("array",),
}
_ITERATED = (list, Set, range, Iterator, type({}.keys()), type({}.values()), type({}.items()))


def as_data(value: object) -> object:
    """A value as JSON: numbers, text, arrays, figures' axes, and collections of them.

    Raises:
        TypeError: if the value is none of these.
    """
    import numpy as np

    if value is ...:
        raise TypeError("the answer is still `...`: put yours there")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        return {"mapping": [[as_data(each) for each in pair] for pair in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [as_data(each) for each in value]}
    if isinstance(value, _ITERATED):
        return {"list": [as_data(each) for each in value]}
    if drawn := _drawn(value):
        return {"axes": as_data(drawn)}
    if hasattr(value, "detach"):
        value = value.detach().cpu()  # a tensor that has a gradient
    array = np.asarray(value)
    if array.dtype.kind in "biufcUS":
        array = array.astype(array.dtype.newbyteorder("="))
        content = base64.b64encode(array.tobytes()).decode()
        return {"array": content, "dtype": array.dtype.str, "shape": array.shape}
    if callable(value):
        return {"function": getattr(value, "__name__", "function")}
    raise TypeError(f"{type(value).__name__} is neither number, text, array, axes nor function")


def _drawn(value):
    """What tests ask of a figure's axes, if the value is one."""
    drawing = sys.modules.get("matplotlib.axes")
    if drawing is None or not isinstance(value, drawing.Axes):
        return None
    drawn: dict[str, Any] = _got(value, _OF_AXES)
    return drawn | {
        name: [_got(each, asked) for each in getattr(value, name)]
        for name, asked in _ON_AXES.items()
    }


def _got(artist, names):
    return {
        name: getattr(artist, f"get_{name}")() for name in names if hasattr(artist, f"get_{name}")
    }


def shell() -> Any:
    """What runs cells in one namespace, as a kernel does, but no commands and no installations."""
    from IPython.core.interactiveshell import InteractiveShell

    interactive = InteractiveShell.instance()
    interactive.system = interactive.getoutput = lambda *_, **__: None  # lines that begin with !
    for name in ("pip", "conda", "mamba", "uv", "matplotlib"):
        interactive.register_magic_function(lambda _: None, magic_name=name)
    return interactive


def otter() -> types.ModuleType:
    """In place of the module that checks answers while a student works; here, others check."""

    class Notebook:
        def __init__(self, *_: object, **__: object) -> None:
            self.check = self.check_all = self.export = lambda *_, **__: None

    module = types.ModuleType("otter")
    module.__spec__ = importlib.machinery.ModuleSpec("otter", None)
    module.Notebook = Notebook
    return module


def answer(request: dict[str, Any], interactive: Any) -> object:
    """What one request asks for: the outcome of a cell, a value, or a function's value."""
    if request["do"] == "run":
        done = interactive.run_cell(request["source"], store_history=True)
        error = done.error_before_exec or done.error_in_exec
        return error and _said(error)
    value = interactive.user_ns.get(request["name"])
    if request["do"] == "call":
        value = value(*request["arguments"], **request["keywords"])
    return as_data(value)


def _said(error):
    return f"{type(error).__name__}: {error}"[:500]


def main() -> None:
    """Answer until nobody asks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("descriptor", type=int)
    parser.add_argument("--writable", type=Path, required=True)
    parser.add_argument("--readable", type=Path, nargs="*", default=[])
    parser.add_argument("--unconfined", action="store_true")
    options = parser.parse_args()
    if not options.unconfined:
        confine(options.writable, options.readable)
    sys.path = [str(options.writable), *(path for path in sys.path[1:] if path != str(ROOT))]
    sys.modules["otter"] = otter()
    interactive, asked = shell(), Connection(options.descriptor)
    while True:
        try:
            request = pickle.loads(asked.recv_bytes())  # of the grader
        except EOFError:
            return
        try:
            reply = {"value": answer(request, interactive)}
        except BaseException as error:  # whatever a submission raises
            reply = {"error": _said(error)}
        asked.send_bytes(json.dumps(reply).encode())
