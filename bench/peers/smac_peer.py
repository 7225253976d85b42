"""SMAC3 by facade.ask and facade.tell. Ordinals are integers over the index; its files are written to a folder that
goes with the process, and only at its own start."""

import tempfile

import ConfigSpace
import smac
from smac.runhistory.dataclasses import TrialValue
from smac.runhistory.enumerations import StatusType

from protocol import Unable, Worst, categories, grid, serve, unit_size, versions

# What a failure costs before anything ended well; costs are modelled by their logarithm.
FAILED = 1e6


def hyperparameter(parameter):
    name = parameter["name"]
    values = categories(parameter)
    if values is not None:
        return ConfigSpace.CategoricalHyperparameter(name, list(range(len(values))))
    if grid(parameter) is not None:
        return ConfigSpace.UniformIntegerHyperparameter(name, 0, len(grid(parameter)) - 1)
    if parameter["kind"] == "integer" and parameter["step"] > 1:
        return ConfigSpace.UniformIntegerHyperparameter(name, 0, unit_size(parameter) - 1)
    kind = ConfigSpace.UniformIntegerHyperparameter if parameter["kind"] == "integer" else ConfigSpace.UniformFloatHyperparameter
    return kind(name, parameter["low"], parameter["high"], log=parameter["log"])


def constant(parameter):
    values = categories(parameter) or grid(parameter)
    return len(values) == 1 if values is not None else parameter["low"] == parameter["high"]


def condition(space, parameters, parameter):
    """ConfigSpace's form of a condition; None without one."""
    when = parameter.get("when")
    if when is None or when["parent"] not in space or parameter["name"] not in space:
        return None
    parent = parameters[when["parent"]]
    # ConfigSpace compares positions exactly, which those of logarithmic integers need not be.
    if parent["kind"] == "integer" and parent["log"]:
        return None
    listed = categories(parent) or grid(parent)
    values = [listed.index(value) if listed else value for value in when["values"]]
    if not listed and parent["step"] > 1:
        values = [(value - parent["low"]) // parent["step"] for value in values]
    return ConfigSpace.InCondition(space[parameter["name"]], space[when["parent"]], values)


class Smac:
    def __init__(self, setup):
        self.version = versions("smac")
        self.parameters = setup["space"]
        self.method = setup["method"]
        if len(setup["objectives"]) > 1:
            raise Unable("SMAC3 is compared on one objective")
        space = ConfigSpace.ConfigurationSpace(seed=setup["seed"])
        space.add([hyperparameter(parameter) for parameter in self.parameters if not constant(parameter)])
        named = {parameter["name"]: parameter for parameter in self.parameters}
        space.add([made for made in (condition(space, named, each) for each in self.parameters) if made is not None])
        self.folder = tempfile.TemporaryDirectory()
        several = self.method == "mf"
        rungs = setup.get("rungs") or [1]
        scenario = smac.Scenario(
            space,
            output_directory=self.folder.name,
            deterministic=True,
            n_trials=setup["trials"],
            seed=setup["seed"],
            min_budget=rungs[0] if several else None,
            max_budget=rungs[-1] if several else None,
            # Workers are hone's: a number here would start processes.
            n_workers=1,
        )
        facades = {
            "hpo": smac.HyperparameterOptimizationFacade,
            "mf": smac.MultiFidelityFacade,
            "bb": smac.BlackBoxFacade,
        }
        if self.method not in facades:
            raise Unable(f"no facade {self.method!r}")
        self.facade = facades[self.method](scenario, None, logging_level=False, overwrite=True)
        self.asked = {}
        self.numbers = {}
        self.worst = Worst()

    def config(self, chosen):
        config = {}
        for parameter in self.parameters:
            name = parameter["name"]
            values = categories(parameter) or grid(parameter)
            value = dict(chosen).get(name)
            if value is None:
                value = 0 if values is not None else parameter["low"]
            if values is not None:
                config[name] = values[int(value)]
            elif parameter["kind"] == "integer":
                step = parameter["step"]
                config[name] = parameter["low"] + step * int(value) if step > 1 and name in dict(chosen) else int(value)
            else:
                config[name] = float(value)
        return config

    def ask(self, number):
        try:
            info = self.facade.ask()
        except StopIteration:  # it has tried all that there is
            return None
        if self.method != "mf":
            self.asked[number] = info
            return self.config(info.config)
        number = self.numbers.setdefault(info.config, len(self.numbers))
        self.asked[number] = info
        return number, self.config(info.config), max(1, round(info.budget))

    def tell(self, number, values, seconds=1.0):
        info = self.asked.pop(number)
        status = StatusType.SUCCESS if values is not None else StatusType.CRASHED
        told = self.worst.of(values)
        value = TrialValue(cost=told[0] if told else FAILED, time=seconds, status=status)
        self.facade.tell(info, value, save=False)


serve(Smac)
