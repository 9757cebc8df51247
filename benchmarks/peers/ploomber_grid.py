"""The same notebooks by ploomber's parallel executor, from its Python interface: `python ploomber_grid.py CASES OUT VARIANTS.json`.

Runs with the peers' interpreter. A pipeline.yaml would turn a dong code of ten digits into a number; the Python interface takes parameters as they are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ploomber import DAG
from ploomber.executors import Parallel
from ploomber.products import File
from ploomber.tasks import NotebookRunner


def main() -> None:
    cases, out, variants = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text("utf-8"))
    dag = DAG(executor=Parallel())  # as many processes as there are cores
    for case, parameters in variants:
        name = f"{case}-{'-'.join(map(str, parameters.values()))}"
        NotebookRunner(
            cases / f"{case}.ipynb", product=File(out / f"{name}.ipynb"), dag=dag, name=name, params=dict(parameters),
            kernelspec_name="python3", static_analysis="disable",
        )  # fmt: skip
    dag.build(force=True)


if __name__ == "__main__":
    main()
