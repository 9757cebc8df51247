"""What the server does once so that no kernel has to: imports, and the first use of things that settle themselves when first used."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import io
import logging
import os
import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from gsan_lib.kernels.places import LIBRARY

log = logging.getLogger("gsan.kernels")

# In the order in which they are imported; what is not installed is left out. Not `matplotlib_inline`: it looks for its shell when imported.
KERNEL = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "ipykernel.control", "ipykernel.heartbeat", "ipykernel.iostream",
    "ipykernel.comm", "ipykernel.embed", "ipykernel.subshell_manager", "IPython.core.magics", "IPython.core.completer", "IPython.core.pylabtools",
    "IPython.core.debugger", "IPython.core.historyapp", "IPython.core.logger", "IPython.core.oinspect", "IPython.core.completerlib",
    "IPython.utils.wildcard", "tornado.platform.asyncio", "ipykernel_launcher",
    "comm", "pdb", "psutil",
)  # fmt: skip
LIBRARIES = (
    "numpy", "pandas", "pyarrow", "pyarrow.parquet", "pyarrow.dataset", "pyarrow.compute", "shapely", "pyproj", "pyogrio", "geopandas", "fsspec",
    "xarray", "rioxarray", "xvec", "exactextract", "netCDF4", "openpyxl", "pandera", "pandera.pandas", "yaml",
    "scipy.optimize", "scipy.sparse.csgraph", "scipy.spatial", "scipy.stats", "scipy.ndimage", "scipy.interpolate",
    "sklearn.ensemble", "sklearn.linear_model", "sklearn.cluster", "sklearn.neighbors", "sklearn.preprocessing", "sklearn.pipeline", "sklearn.model_selection",
    "statsmodels.api", "esda", "libpysal", "tobler", "mapclassify", "mapie", "highspy",
    "jedi", "ipywidgets", "IPython.extensions.storemagic", "matplotlib.pyplot", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "mpl_toolkits.axes_grid1", "ipyleaflet",
)  # fmt: skip
OWN = (
    "reports.findings",
    "reports.params",
    "bank",
    "maps",
    "charts",
    "grids",
    "sample",
    "privacy",
    "analysis",
)  # what cases import, with all below


Stamps = dict[str, tuple[int, int, int]]


def stamps() -> Stamps:
    """How every file of the library, and every folder of installed packages, looked when last changed."""
    found = {}
    for folder, folders, names in os.walk(LIBRARY):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for path in (os.path.join(folder, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                told = os.stat(path)
                found[path] = (told.st_mtime_ns, told.st_size, told.st_ino)
    for place in sys.path:
        if place.endswith(("site-packages", "dist-packages")):
            with contextlib.suppress(OSError):
                found[place] = (os.stat(place).st_mtime_ns, 0, 0)
    return found


def in_use(all_stamps: Stamps) -> Stamps:
    """Without the modules that are not loaded: a kernel reads those afresh."""
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {path: told for path, told in all_stamps.items() if path in loaded or not path.endswith(".py")}


def contents(paths: Iterable[str]) -> dict[str, str]:
    """What files say, and which packages are installed; of a file that is gone, nothing."""
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            names = "\n".join(sorted(os.listdir(path))).encode() if os.path.isdir(path) else Path(path).read_bytes()
            found[path] = hashlib.sha256(names).hexdigest()
    return found


def _own_modules() -> Iterator[str]:
    for name in OWN:
        yield f"gsan_lib.{name}"
        package = sys.modules.get(f"gsan_lib.{name}")
        if name == "analysis" and package is not None:
            yield from (found.name for found in pkgutil.iter_modules(package.__path__, f"gsan_lib.{name}."))


def _imported(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        log.info("%s: %s", name, error)
    except Exception:  # an edited library that is broken: the kernel that imports it shows the error
        log.warning("%s cannot be imported", name, exc_info=True)


def _tables() -> None:
    import geopandas
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from shapely.geometry import Point, box

    points: Any = geopandas.GeoDataFrame(
        {"a": [1, 2, 3], "name": ["가", "나", "다"]}, geometry=[Point(126.8 + n / 100, 35.1) for n in range(3)], crs=4326
    )
    metric: Any = points.to_crs(5179)
    _ = metric.sindex.nearest(metric.geometry), metric.to_crs(4326)
    areas = geopandas.GeoDataFrame({"b": [1]}, geometry=[box(*metric.total_bounds).buffer(10)], crs=5179)
    _ = geopandas.sjoin(metric, areas), geopandas.overlay(areas, areas), metric.dissolve(), metric.to_wkb()
    _ = points._repr_html_(), points.to_json()
    frame: Any = pd.DataFrame({"g": ["x", "y", "x"], "v": [1.5, 2.5, np.nan], "t": pd.to_datetime(["2026-01-01"] * 3)})
    _ = frame._repr_html_(), repr(frame), frame.groupby("g").agg({"v": "sum"}).reset_index().merge(frame, on="g"), frame.to_json()
    _ = (
        frame.style.format({"v": "{:.1f}"}).to_html(),
        frame.pivot_table(index="g", values="v"),
        frame.sort_values(["g", "v"]),
        frame.describe(),
    )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame), sink)
    _ = pq.ParquetFile(pa.BufferReader(sink.getvalue()))


def _figures() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from gsan_lib import fonts

    with fonts.theme():
        figure = Figure(figsize=(3, 2))
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.plot([1, 2, 3], label="광산구")
        axes.bar([1, 2], [3, 4])
        axes.set_title("소화전 1,234")
        axes.legend()
        for kind in ("png", "svg"):
            figure.savefig(io.BytesIO(), format=kind)


def _models() -> None:
    import highspy
    import numpy as np
    import scipy.sparse as sp
    import xarray as xr
    from sklearn.linear_model import LinearRegression

    LinearRegression().fit(np.arange(6.0).reshape(-1, 1), np.arange(6.0))
    _ = xr.DataArray(np.ones((2, 2)), dims=("a", "b"))._repr_html_()
    _ = sp.csr_matrix(np.eye(3)).T @ np.ones(3), highspy.Highs


def _notebook() -> None:
    from IPython.core.formatters import DisplayFormatter
    from IPython.core.inputtransformer2 import TransformerManager

    TransformerManager().transform_cell("%matplotlib inline\nx = 1\nx")
    DisplayFormatter().format({"a": [1, 2]})


kernel_environment: dict[str, str] = {}  # what an ordinary kernel's imports set
kernel_modules: dict[str, Any] = {}  # what an ordinary kernel has loaded when it starts

AFRESH = ("tqdm.auto", "tqdm.autonotebook")  # choose what they are by the shell in which they are imported
USES: tuple[Callable[[], None], ...] = (_notebook, _tables, _figures, _models)


@contextlib.contextmanager
def _unchanged() -> Iterator[None]:
    """First uses leave no setting and no remembered warning behind."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    for module in list(sys.modules.values()):
        if registry := getattr(module, "__dict__", {}).get("__warningregistry__"):
            registry.clear()


def preload() -> None:
    """Import everything, use it once, and put it where the collector will not touch it."""
    before = dict(os.environ)
    for name in KERNEL:
        _imported(name)
    kernel_modules.update(sys.modules)
    kernel_environment.update({name: value for name, value in os.environ.items() if before.get(name) != value})
    for name in (*LIBRARIES, *_own_modules()):
        _imported(name)
    with _unchanged():
        for use in USES:
            try:
                use()
            except Exception:  # a kernel then does it itself
                log.warning("first use failed: %s", use.__name__, exc_info=True)
    for name in AFRESH:
        sys.modules.pop(name, None)
    gc.collect()
    gc.freeze()


def threads() -> int:
    """How many threads this process has, those of libraries among them."""
    return len(os.listdir("/proc/self/task"))


def shadows(cwd: str) -> list[str]:
    """What lies in a folder and would be imported there instead of what is loaded already: an ordinary kernel looks there before site-packages."""
    late = next((rank for rank, place in enumerate(sys.path) if place.endswith(("site-packages", "dist-packages"))), len(sys.path))
    early = tuple(os.path.join(place, "") for place in sys.path[:late] if place)
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(cwd):
            name, _, rest = entry.name.partition(".")
            own = getattr(sys.modules.get(name), "__file__", None)
            if own is None or own.startswith(early):
                continue
            target = os.path.join(entry.path, "__init__.py") if not rest else entry.path if rest == "py" or rest.endswith("so") else ""
            if target and os.path.exists(target) and os.path.exists(own) and not os.path.samefile(target, own):
                found.append(entry.name)
    return sorted(found)
