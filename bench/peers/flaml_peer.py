"""FLAML's CFO and BlendSearch by suggest and on_trial_complete, with no low-cost start known. Ordinals are integers
over the index. Where seconds are recorded it takes them as costs, and its clock shows those that have passed."""

import time

from flaml import CFO, BlendSearch, tune
from flaml.tune.searcher import blendsearch

from protocol import Unable, Worst, categories, grid, serve, versions

# Proposals in a row that a method itself refuses (already tried) before the run ends.
MAX_REFUSED = 200
# What a failure counts before anything ended well; values are only compared with each other.
FAILED = 1e10


def domain(parameter):
    values = categories(parameter)
    if values is not None:
        return tune.choice(list(range(len(values))))
    if grid(parameter) is not None:
        return tune.randint(0, len(grid(parameter)))
    low, high, log = parameter["low"], parameter["high"], parameter["log"]
    if parameter["kind"] == "integer":
        if parameter["step"] > 1:
            return tune.randint(0, (high - low) // parameter["step"] + 1)
        return tune.lograndint(low, high + 1) if log else tune.randint(low, high + 1)
    return tune.loguniform(low, high) if log else tune.uniform(low, high)


class Clock:
    """What stands for the module time in FLAML: the recorded seconds, of which its own clock knows nothing."""

    def __init__(self):
        self.seconds = 0.0

    def time(self):
        return self.seconds


class Flaml:
    def __init__(self, setup):
        self.version = versions("FLAML")
        if len(setup["objectives"]) > 1:
            raise Unable("FLAML is compared on one objective")
        methods = {"cfo": CFO, "blendsearch": BlendSearch}
        if setup["method"] not in methods:
            raise Unable(f"no searcher {setup['method']!r}")
        self.parameters = setup["space"]
        space = {parameter["name"]: domain(parameter) for parameter in self.parameters}
        # Texts as categories are unordered to it, numbers ordered.
        for parameter in self.parameters:
            if categories(parameter) is not None:
                space[parameter["name"]].ordered = False
        self.clock, self.workers = Clock(), setup["workers"]
        timed = setup.get("seconds", False)
        blendsearch.time = self.clock if timed else time
        # Without a name for the cost, or a budget of time, it counts every trial as 1.
        cost = {"cost_attr": "time_total_s"} if timed else {}
        self.searcher = methods[setup["method"]](
            metric="loss", mode="min", space=space, seed=setup["seed"], num_samples=setup["trials"], **cost
        )
        self.asked = {}
        self.worst = Worst()
        self.suggested = 0

    def ask(self, number):
        for _ in range(MAX_REFUSED):
            self.suggested += 1
            name = f"trial_{self.suggested}"
            chosen = self.searcher.suggest(name)
            if chosen is not None:
                break
        else:
            return None
        self.asked[number] = name, chosen
        config = {}
        for parameter in self.parameters:
            values = categories(parameter) or grid(parameter)
            value = chosen[parameter["name"]]
            if values is not None:
                value = values[int(value)]
            elif parameter["kind"] == "integer":
                step = parameter["step"]
                value = parameter["low"] + step * int(value) if step > 1 else int(value)
            config[parameter["name"]] = value
        return config

    def tell(self, number, values, seconds=1.0):
        name, chosen = self.asked.pop(number)
        told = self.worst.of(values)
        loss = told[0] if told else FAILED
        result = {"loss": loss, "config": chosen, "time_total_s": seconds, "training_iteration": 1}
        self.clock.seconds += seconds / self.workers
        self.searcher.on_trial_complete(name, result, error=False)


serve(Flaml)
