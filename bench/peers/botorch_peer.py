"""A plain loop over BoTorch: a Sobol design, then a Gaussian process with its default priors for every objective and
limit, and noisy log expected (hypervolume) improvement, times the probability that the limits are kept, optimised by
its alternating search over mixed spaces, by its local search over wholly discrete ones. Every ordered value is a number
in [0, 1] on its scale, a category its index with a kernel of its own."""

import itertools
import math
import warnings

import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.acquisition.objective import GenericMCObjective
from botorch.fit import fit_gpytorch_mll
from botorch.models import MixedSingleTaskGP, ModelListGP, SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim import optimize_acqf, optimize_acqf_discrete, optimize_acqf_discrete_local_search
from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from botorch.utils.multi_objective.pareto import is_non_dominated
from gpytorch.mlls import ExactMarginalLogLikelihood

from protocol import Worst, categories, grid, serve, unit_size, versions

# Values beyond which an ordered parameter is searched as a real one and rounded.
MAX_DISCRETE = 64
# Steps of L-BFGS in one fit of the Gaussian process.
MAX_FIT_STEPS = 200
# Starts of the local search, which wants as many points that are new.
RESTARTS = 5


class BoTorch:
    def __init__(self, setup):
        warnings.simplefilter("ignore")
        torch.set_num_threads(1)
        torch.manual_seed(setup["seed"])
        torch.set_default_dtype(torch.double)
        self.version = versions("botorch", "torch")
        self.parameters = setup["space"]
        self.objectives, self.limits = len(setup["objectives"]), setup["limits"]
        d = len(self.parameters)
        self.discrete, self.categorical = {}, {}
        lows, highs = [], []
        for i, parameter in enumerate(self.parameters):
            values = categories(parameter)
            lows.append(0.0)
            highs.append(1.0 if values is None else float(len(values) - 1))
            if values is not None:
                self.categorical[i] = [float(k) for k in range(len(values))]
            elif self.levels(parameter):
                n = self.levels(parameter)
                self.discrete[i] = [k / max(1, n - 1) for k in range(n)]
        self.bounds = torch.tensor([lows, highs])
        # As many as Ax draws by default.
        self.initial = max(5, min(2 * d, setup["trials"] // 4))
        self.sobol = torch.quasirandom.SobolEngine(d, scramble=True, seed=setup["seed"])
        self.x, self.y, self.pending = [], [], {}
        self.known = {}  # points that were asked for or given, in their order
        self.size = math.inf
        if len(self.discrete) + len(self.categorical) == d:
            self.size = math.prod(len(choices) for choices in self.choices())
        self.worst = Worst()

    def choices(self):
        return [self.discrete.get(i) or self.categorical[i] for i in range(len(self.parameters))]

    def levels(self, parameter):
        """How many values, where they are few and evenly spaced on the parameter's scale; else 0."""
        if grid(parameter) is not None:
            return len(grid(parameter))
        if parameter["kind"] == "integer" and not parameter["log"] and unit_size(parameter) <= MAX_DISCRETE:
            return unit_size(parameter)
        return 0

    def value(self, i, at):
        parameter = self.parameters[i]
        values = categories(parameter)
        if values is not None:
            return values[min(len(values) - 1, max(0, round(at)))]
        if grid(parameter) is not None:
            return grid(parameter)[min(len(grid(parameter)) - 1, max(0, round(at * (len(grid(parameter)) - 1))))]
        low, high = parameter["low"], parameter["high"]
        if parameter["log"]:
            value = math.exp(math.log(low) + at * (math.log(high) - math.log(low)))
        else:
            value = low + at * (high - low)
        if parameter["kind"] == "real":
            return min(high, max(low, value))
        return low + parameter["step"] * min(unit_size(parameter) - 1, max(0, round((value - low) / parameter["step"])))

    def rounded(self, point):
        """Where the value that `point` stands for lies."""
        out = []
        for i, at in enumerate(point):
            if i in self.discrete:
                out.append(min(self.discrete[i], key=lambda level: abs(level - at)))
            elif i in self.categorical:
                out.append(float(min(len(self.categorical[i]) - 1, max(0, round(at)))))
            elif self.parameters[i]["kind"] == "integer":
                out.append(self.position(i, self.value(i, at)))
            else:
                out.append(at)
        return out

    def position(self, i, value):
        parameter = self.parameters[i]
        values = categories(parameter)
        if values is not None:
            return float(values.index(value))
        if grid(parameter) is not None:
            return grid(parameter).index(value) / max(1, len(grid(parameter)) - 1)
        low, high = parameter["low"], parameter["high"]
        if parameter["log"]:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value - low) / (high - low) if high > low else 0.0

    def next_point(self):
        if len(self.x) < self.initial or len(set(self.y)) < 2:
            unit = self.sobol.draw(1)[0].double()
            point = []
            for i, at in enumerate(unit.tolist()):
                size = len(self.categorical.get(i, ())) or len(self.discrete.get(i, ()))
                level = min(size - 1, int(at * size)) if size else at
                point.append(float(level) if i in self.categorical else self.discrete[i][level] if size else at)
            return point
        x, y = torch.tensor(self.x), torch.tensor(self.y)
        y[:, : self.objectives] *= -1  # it maximises
        model = self.model(x, y)
        pending = torch.tensor(list(self.pending.values())) if self.pending else None
        acquisition = self.acquisition(model, x, y, pending)
        if self.size - len(self.known) < RESTARTS:
            left = [point for point in itertools.product(*self.choices()) if point not in self.known]
            candidate, _ = optimize_acqf_discrete(acquisition, q=1, choices=torch.tensor(left))
        elif self.size < math.inf:
            # Many times faster there than the alternating search, and it does not propose what is known.
            choices = [torch.tensor(values) for values in self.choices()]
            avoid = torch.tensor(list(self.known))
            candidate, _ = optimize_acqf_discrete_local_search(
                acquisition, choices, q=1, num_restarts=RESTARTS, raw_samples=1024, X_avoid=avoid
            )
        elif self.discrete or self.categorical:
            candidate, _ = optimize_acqf_mixed_alternating(
                acquisition, self.bounds, discrete_dims=self.discrete, cat_dims=self.categorical,
                raw_samples=512, num_restarts=10,
            )
        else:
            candidate, _ = optimize_acqf(acquisition, self.bounds, q=1, num_restarts=10, raw_samples=512)
        return candidate[0].tolist()

    def model(self, x, y):
        models = []
        for k in range(y.shape[1]):
            if self.categorical:
                one = MixedSingleTaskGP(
                    x, y[:, k : k + 1], cat_dims=sorted(self.categorical), outcome_transform=Standardize(m=1)
                )
            else:
                one = SingleTaskGP(x, y[:, k : k + 1], outcome_transform=Standardize(m=1))
            # Without a bound, thousands of steps an ask where values span decades.
            fit_gpytorch_mll(
                ExactMarginalLogLikelihood(one.likelihood, one), optimizer_kwargs={"options": {"maxiter": MAX_FIT_STEPS}}
            )
            models.append(one)
        return models[0] if len(models) == 1 else ModelListGP(*models)

    def acquisition(self, model, x, y, pending):
        m = self.objectives
        options = {"X_baseline": x, "X_pending": pending, "prune_baseline": True}
        if self.limits:
            options["constraints"] = [lambda samples, k=k: samples[..., k] for k in range(m, m + self.limits)]
        if m == 1:
            if self.limits:
                options["objective"] = GenericMCObjective(lambda samples, X=None: samples[..., 0])
            return qLogNoisyExpectedImprovement(model, **options)
        kept = (y[:, m:] <= 0).all(dim=-1)
        front = y[kept][:, :m] if kept.any() else y[:, :m]
        return qLogNoisyExpectedHypervolumeImprovement(
            model,
            ref_point=infer_reference_point(front[is_non_dominated(front)]),
            objective=IdentityMCMultiOutputObjective(outcomes=list(range(m))),
            **options,
        )

    def ask(self, number):
        if len(self.known) >= self.size:
            return None
        point = self.rounded(self.next_point())
        self.pending[number] = point
        self.known[tuple(point)] = True
        return {parameter["name"]: self.value(i, point[i]) for i, parameter in enumerate(self.parameters)}

    def tell(self, number, values, limits=()):
        point = self.pending.pop(number)
        told = self.worst.of(None if values is None else (*values, *limits))
        if told:
            self.x.append(point)
            self.y.append(tuple(told))

    def fill(self, configs, values):
        for config, value in zip(configs, values):
            self.x.append([self.position(i, config[parameter["name"]]) for i, parameter in enumerate(self.parameters)])
            self.known[tuple(self.rounded(self.x[-1]))] = True
            self.y.append(tuple(value))


serve(BoTorch)
