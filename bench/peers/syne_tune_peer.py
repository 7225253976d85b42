"""Syne Tune's schedulers, driven as its tuner drives them. Ordinals are integers over the index. Its asynchronous
halving stops trials: a trial runs to the end unless a report says otherwise."""

import datetime
import logging
import random
import warnings

import numpy as np

warnings.simplefilter("ignore")

from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer import baselines
from syne_tune.optimizer.scheduler import SchedulerDecision

from protocol import Unable, Worst, categories, grid, serve, unit_size, versions

SINGLE = {"bo": "BOTorch", "bore": "BORE", "cqr": "CQR", "kde": "TPE", "rea": "REA"}
ASYNCHRONOUS = {"asha": "ASHA", "asha_bore": "ASHABORE", "asha_cqr": "ASHACQR", "bohb": "BOHB"}


def domain(parameter):
    values = categories(parameter)
    if values is not None:
        return choice([str(k) for k in range(len(values))])
    if grid(parameter) is not None:
        return randint(0, len(grid(parameter)) - 1)
    low, high, log = parameter["low"], parameter["high"], parameter["log"]
    if parameter["kind"] == "integer":
        if parameter["step"] > 1:
            return randint(0, unit_size(parameter) - 1)
        return lograndint(low, high) if log else randint(low, high)
    return loguniform(low, high) if log else uniform(low, high)


class SyneTune:
    def __init__(self, setup):
        if len(setup["objectives"]) > 1:
            raise Unable("Syne Tune is compared on one objective")
        logging.disable(logging.CRITICAL)
        seed = setup["seed"] % 2**31
        np.random.seed(seed)
        random.seed(seed)
        self.version = versions("syne-tune")
        self.parameters = setup["space"]
        self.rungs = setup["rungs"]
        method = setup["method"]
        self.fidelity = method in ASYNCHRONOUS
        name = ASYNCHRONOUS.get(method) or SINGLE.get(method)
        if name is None or not hasattr(baselines, name):
            raise Unable(f"this version has no method {method!r}")
        if name == "BOTorch":
            import torch

            torch.set_num_threads(1)
            torch.manual_seed(seed)
        space = {parameter["name"]: domain(parameter) for parameter in self.parameters}
        more = {"time_attr": "epoch", "max_t": self.rungs[-1], "grace_period": self.rungs[0]} if self.fidelity else {}
        self.scheduler = getattr(baselines, name)(space, metric="loss", do_minimize=True, random_seed=seed, **more)
        self.trials = {}
        self.worst = Worst()

    def ask(self, number):
        suggestion = self.scheduler.suggest()
        if suggestion is None:
            return None
        if not suggestion.spawn_new_trial_id:
            raise Unable("it goes on with a paused trial, which this adapter does not expect")
        number = len(self.trials)
        trial = Trial(number, suggestion.config, datetime.datetime.now())
        self.trials[number] = trial
        self.scheduler.on_trial_add(trial)
        config = {}
        for parameter in self.parameters:
            value = suggestion.config[parameter["name"]]
            values = categories(parameter) or grid(parameter)
            if values is not None:
                value = values[int(value)]
            elif parameter["kind"] == "integer":
                value = parameter["low"] + parameter["step"] * int(value) if parameter["step"] > 1 else int(value)
            config[parameter["name"]] = value
        return (number, config, self.rungs[-1])

    def report(self, number, fidelity, values):
        decision = self.scheduler.on_trial_result(self.trials[number], {"loss": values[0], "epoch": fidelity})
        return {SchedulerDecision.STOP: "stop", SchedulerDecision.PAUSE: "pause"}.get(decision, "continue")

    def tell(self, number, values):
        told = self.worst.of(values)
        if values is None:
            self.scheduler.on_trial_error(self.trials[number])
        elif told:
            result = {"loss": told[0], "epoch": self.rungs[-1]}
            self.scheduler.on_trial_result(self.trials[number], result)
            self.scheduler.on_trial_complete(self.trials[number], result)


serve(SyneTune)
