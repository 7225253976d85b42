"""Uniform random search on Python's generator: what the protocol itself costs, and a baseline that is not hone's."""

import math
import platform
import random

from protocol import categories, grid, serve, unit_size


class Random:
    def __init__(self, setup):
        self.version = f"python {platform.python_version()}"
        self.space = setup["space"]
        self.random = random.Random(setup["seed"])

    def ask(self, _):
        return {parameter["name"]: self.draw(parameter) for parameter in self.space}

    def draw(self, parameter):
        values = categories(parameter) or grid(parameter)
        if values is not None:
            return self.random.choice(values)
        if parameter["kind"] == "integer" and not parameter["log"]:
            return parameter["low"] + parameter["step"] * self.random.randrange(unit_size(parameter))
        low, high = parameter["low"], parameter["high"]
        value = (
            math.exp(self.random.uniform(math.log(low), math.log(high)))
            if parameter["log"]
            else self.random.uniform(low, high)
        )
        return value if parameter["kind"] == "real" else round(value)

    def tell(self, *_):
        pass

    def fill(self, *_):
        pass


serve(Random)
