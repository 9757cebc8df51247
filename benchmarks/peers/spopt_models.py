"""A worker in the peers' venv: reads one problem a line, builds and solves it with spopt and HiGHS, and answers with one line of JSON.

A problem is {"file": costs.npz, "model": "p_median" or "mclp", "p": 5, "radius": 800.0}; the file holds `costs` (demand points x sites) and `demand`.
Seconds count from the cost matrix to the answer: building the model and solving it. The first line that it prints tells its versions.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import pulp
from spopt.locate import MCLP, PMedian


def solve(problem: dict) -> dict:
    """The peer's answer to one problem."""
    held = np.load(problem["file"])
    costs, demand = held["costs"], held["demand"]
    begun = time.perf_counter()
    if problem["model"] == "p_median":
        model = PMedian.from_cost_matrix(costs, demand, p_facilities=problem["p"])
    else:
        model = MCLP.from_cost_matrix(costs, demand, service_radius=problem["radius"], p_facilities=problem["p"])
    model = model.solve(pulp.HiGHS(msg=False), results=False)
    seconds = time.perf_counter() - begun
    return {"objective": pulp.value(model.problem.objective), "status": pulp.LpStatus[model.problem.status].lower(), "seconds": seconds}


def main() -> None:
    out = sys.stdout
    sys.stdout = sys.stderr  # nothing but answers goes to the caller
    print(json.dumps({name: version(name) for name in ("spopt", "pulp", "highspy", "numpy")}), file=out, flush=True)
    for line in sys.stdin:
        try:
            told = solve(json.loads(line))
        except Exception as error:  # the caller tells that the peer failed, and how
            told = {"objective": None, "status": f"failed: {type(error).__name__}: {error}"[:200], "seconds": None}
        print(json.dumps(told), file=out, flush=True)


if __name__ == "__main__":
    main()
