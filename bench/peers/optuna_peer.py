"""Optuna by study.ask and study.tell, in memory. Ordinals are integers over the index, which its samplers treat as
ordered and evenly spaced; flags and choices are categorical."""

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from protocol import Unable, categories, grid, parents_first, serve, versions


def sampler(method, setup):
    seed = setup["seed"]
    if method == "tpe":
        # Its default: joint over all parameters, with a constant liar for running trials.
        return optuna.samplers.TPESampler(seed=seed)
    if method == "tpe_independent":
        return optuna.samplers.TPESampler(seed=seed, multivariate=False)
    if method == "gp":
        # Recorded values are means: the same config gives the same value.
        return optuna.samplers.GPSampler(seed=seed, deterministic_objective=True)
    if method == "cmaes":
        # With margin is what its documentation advises for integers.
        return optuna.samplers.CmaEsSampler(seed=seed, with_margin=True)
    if method == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed)
    if method == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    raise Unable(f"no sampler {method!r}")


class Optuna:
    def __init__(self, setup):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        import warnings

        warnings.simplefilter("ignore")
        self.version = versions("optuna")
        self.grids, self.distributions = {}, {}
        for parameter in setup["space"]:
            name = parameter["name"]
            if categories(parameter) is not None:
                self.distributions[name] = CategoricalDistribution(categories(parameter))
            elif grid(parameter) is not None:
                self.grids[name] = grid(parameter)
                self.distributions[name] = IntDistribution(0, len(grid(parameter)) - 1)
            elif parameter["kind"] == "integer":
                # Its integers are logarithmic or stepped, not both.
                log = parameter["log"] and parameter["step"] == 1
                self.distributions[name] = IntDistribution(
                    parameter["low"], parameter["high"], log=log, step=parameter["step"]
                )
            else:
                self.distributions[name] = FloatDistribution(parameter["low"], parameter["high"], log=parameter["log"])
        self.parameters = parents_first(setup["space"])
        self.study = optuna.create_study(
            directions=["minimize"] * len(setup["objectives"]), sampler=sampler(setup["method"], setup)
        )
        self.trials = {}

    def ask(self, number):
        """Parameter by parameter, as its users write spaces with conditions."""
        trial = self.trials[number] = self.study.ask()
        config = {}
        for parameter in self.parameters:
            name, when = parameter["name"], parameter.get("when")
            if when and config.get(when["parent"]) not in when["values"]:
                continue
            distribution = self.distributions[name]
            if isinstance(distribution, CategoricalDistribution):
                value = trial.suggest_categorical(name, distribution.choices)
            elif isinstance(distribution, IntDistribution):
                value = trial.suggest_int(
                    name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
                )
            else:
                value = trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
            config[name] = self.grids[name][value] if name in self.grids else value
        return config

    def tell(self, number, values, limits=()):
        trial = self.trials.pop(number)
        if values is None:
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            for i, excess in enumerate(limits):
                trial.set_constraint(f"limit {i}", excess)
            self.study.tell(trial, values)

    def fill(self, configs, values):
        for config, value in zip(configs, values):
            params = {
                name: self.grids[name].index(chosen) if name in self.grids else chosen
                for name, chosen in config.items()
            }
            self.study.add_trial(
                optuna.trial.create_trial(
                    params=params, distributions={name: self.distributions[name] for name in params}, values=value
                )
            )


serve(Optuna)
