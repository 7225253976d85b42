"""HEBO by suggest and observe. Ordered grids are its 'int' over the index, logarithmic ranges its 'pow'."""

import random
import warnings

import numpy as np

# It was written for an older numpy.
warnings.simplefilter("ignore")

import pandas as pd
import pymoo.core.duplicate
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

from protocol import Unable, Worst, categories, grid, serve, unit_size, versions


def mark_duplicates(_, population, others, is_duplicate):
    """What pymoo's own finds by comparing every pair (the last of equals stays; what is in OTHERS goes), by
    hashing. HEBO proposes the same to the last bit, in about two thirds of its time."""
    keys = [frozenset(individual.X.items()) for individual in population]
    seen = set() if others is None else {frozenset(individual.X.items()) for individual in others}
    for i in reversed(range(len(keys))):
        if keys[i] in seen:
            is_duplicate[i] = True
        elif others is None:
            seen.add(keys[i])
    return is_duplicate


pymoo.core.duplicate.ElementwiseDuplicateElimination._do = mark_duplicates


def dimension(parameter):
    name = parameter["name"]
    values = categories(parameter)
    if values is not None:
        return {"name": name, "type": "cat", "categories": list(range(len(values)))}
    if grid(parameter) is not None:
        return {"name": name, "type": "int", "lb": 0, "ub": len(grid(parameter)) - 1}
    low, high = parameter["low"], parameter["high"]
    if parameter["kind"] == "integer":
        if parameter["step"] > 1:
            return {"name": name, "type": "int", "lb": 0, "ub": unit_size(parameter) - 1}
        return {"name": name, "type": "pow_int" if parameter["log"] else "int", "lb": low, "ub": high, "base": 10}
    return {"name": name, "type": "pow" if parameter["log"] else "num", "lb": low, "ub": high, "base": 10}


class Hebo:
    def __init__(self, setup):
        if len(setup["objectives"]) > 1:
            raise Unable("HEBO is compared on one objective")
        torch.set_num_threads(1)
        torch.manual_seed(setup["seed"])
        np.random.seed(setup["seed"] % 2**32)
        random.seed(setup["seed"])
        self.version = versions("HEBO")
        self.parameters = setup["space"]
        self.optimizer = HEBO(
            DesignSpace().parse([dimension(parameter) for parameter in self.parameters]),
            scramble_seed=setup["seed"],
        )
        self.asked = {}
        self.worst = Worst()

    def ask(self, number):
        suggestion = self.optimizer.suggest(n_suggestions=1)
        self.asked[number] = suggestion
        config = {}
        for parameter in self.parameters:
            value = suggestion[parameter["name"]].iloc[0]
            values = categories(parameter) or grid(parameter)
            if values is not None:
                config[parameter["name"]] = values[int(value)]
            elif parameter["kind"] == "integer":
                step = parameter["step"]
                config[parameter["name"]] = parameter["low"] + step * int(value) if step > 1 else int(value)
            else:
                config[parameter["name"]] = float(value)
        return config

    def tell(self, number, values):
        suggestion = self.asked.pop(number)
        told = self.worst.of(values)
        if told:
            self.optimizer.observe(pd.DataFrame(suggestion), np.array([[told[0]]]))


serve(Hebo)
