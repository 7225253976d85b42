#!/usr/bin/env python3
"""Records tables for hone bench search: small models on the data sets that scikit-learn brings, no download.

    ./dev tables FOLDER             # all, about three hours of one core
    ./dev tables FOLDER svm_digits  # one: ten minutes

Writes FOLDER/tables/NAME.csv.gz and FOLDER/curves/NAME.csv.gz with their NAME.json, in the format that
docs/formats.md describes (Recorded table); what is there already is left. Models and data sets follow the list of
Bayesmark (Turner et al., "Bayesian Optimization is Superior to Random Search for Machine Learning Hyperparameter
Tuning: Analysis of the Black-Box Optimization Challenge 2020"), the grids are ours. A table's seeds are splits into
halves; a curve is one split's, its times are not recorded: every epoch is taken to last as long.
"""
import csv
import gzip
import itertools
import json
import os
import random
import sys
import time
import warnings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostRegressor, ExtraTreesRegressor, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge, SGDClassifier
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor

warnings.filterwarnings("ignore")
SEEDS = 3


def logs(low, high, count):
    """count values from low to high, evenly spaced in their logarithm, of three digits."""
    return [float(f"{x:.3g}") for x in np.geomspace(low, high, count)]


def data(name):
    x, y = {
        "digits": datasets.load_digits,
        "cancer": datasets.load_breast_cancer,
        "wine": datasets.load_wine,
        "diabetes": datasets.load_diabetes,
    }[name](return_X_y=True)
    return x.astype(np.float64), y


def halves(name, seed):
    """One split: training inputs, validation inputs, training and validation targets; inputs standardized."""
    x, y = data(name)
    labels = y if name != "diabetes" else None
    a, b, ya, yb = train_test_split(x, y, test_size=0.5, random_state=seed, stratify=labels)
    scaler = StandardScaler().fit(a)
    return scaler.transform(a), scaler.transform(b), ya, yb


def probabilities(model, x, count):
    """Class probabilities kept away from 0, with all count classes."""
    p = np.clip(model.predict_proba(x), 1e-4, 1)
    return p / p.sum(axis=1, keepdims=True)


def svm_digits(c, seed):
    a, b, ya, yb = halves("digits", seed)
    kernel, degree = {"poly2": ("poly", 2), "poly3": ("poly", 3)}.get(c["kernel"], (c["kernel"], 3))
    model = SVC(C=c["C"], gamma=c["gamma"], kernel=kernel, degree=degree, coef0=c["coef0"], max_iter=20000)
    return 1 - accuracy_score(yb, model.fit(a, ya).predict(b))


def svr_diabetes(c, seed):
    a, b, ya, yb = halves("diabetes", seed)
    centre, scale = ya.mean(), ya.std()
    model = SVR(C=c["C"], gamma=c["gamma"], epsilon=c["epsilon"], kernel=c["kernel"], max_iter=20000)
    return mean_squared_error((yb - centre) / scale, model.fit(a, (ya - centre) / scale).predict(b))


def forest_cancer(c, seed):
    a, b, ya, yb = halves("cancer", seed)
    model = RandomForestClassifier(
        n_estimators=c["n_estimators"], max_depth=c["max_depth"], min_samples_leaf=c["min_samples_leaf"],
        max_features=c["max_features"], criterion=c["criterion"], bootstrap=c["bootstrap"], random_state=seed)
    return log_loss(yb, probabilities(model.fit(a, ya), b, 2))


def boosting_digits(c, seed):
    a, b, ya, yb = halves("digits", seed)
    model = LGBMClassifier(
        n_estimators=c["n_estimators"], learning_rate=c["learning_rate"], num_leaves=c["num_leaves"],
        min_child_samples=c["min_child_samples"], subsample=c["subsample"], subsample_freq=1,
        colsample_bytree=c["colsample_bytree"], reg_lambda=c["reg_lambda"], random_state=seed, n_jobs=1, verbose=-1)
    return log_loss(yb, probabilities(model.fit(a, ya), b, 10))


def boosting_diabetes(c, seed):
    a, b, ya, yb = halves("diabetes", seed)
    model = LGBMRegressor(
        n_estimators=c["n_estimators"], learning_rate=c["learning_rate"], num_leaves=c["num_leaves"],
        min_child_samples=c["min_child_samples"], colsample_bytree=c["colsample_bytree"],
        reg_lambda=c["reg_lambda"], objective=c["objective"], random_state=seed, n_jobs=1, verbose=-1)
    return mean_squared_error(yb, model.fit(a, ya).predict(b)) / yb.var()


def linear_digits(c, seed):
    a, b, ya, yb = halves("digits", seed)
    model = SGDClassifier(
        loss=c["loss"], penalty=c["penalty"], alpha=c["alpha"], eta0=c["eta0"], learning_rate=c["learning_rate"],
        average=c["average"], max_iter=c["epochs"], tol=None, random_state=seed)
    return 1 - accuracy_score(yb, model.fit(a, ya).predict(b))


def neighbours_digits(c, seed):
    a, b, ya, yb = halves("digits", seed)
    if c["components"] < 64:
        pca = PCA(c["components"], whiten=c["whiten"], random_state=seed).fit(a)
        a, b = pca.transform(a), pca.transform(b)
    model = KNeighborsClassifier(c["n_neighbors"], weights=c["weights"], metric="minkowski", p=c["p"])
    return log_loss(yb, probabilities(model.fit(a, ya), b, 10))


def trees_diabetes(c, seed):
    a, b, ya, yb = halves("diabetes", seed)
    kind = {"tree": lambda **k: DecisionTreeRegressor(**k), "extra": lambda **k: ExtraTreesRegressor(20, **k),
            "ada": lambda **k: AdaBoostRegressor(DecisionTreeRegressor(**k), n_estimators=20, random_state=seed)}
    model = kind[c["kind"]](
        max_depth=c["max_depth"], min_samples_split=c["min_samples_split"], min_samples_leaf=c["min_samples_leaf"],
        max_features=c["max_features"], criterion=c["criterion"], random_state=seed)
    return mean_squared_error(yb, model.fit(a, ya).predict(b)) / yb.var()


def pipeline_wine(c, seed):
    x, y = data("wine")
    a, b, ya, yb = train_test_split(x, y, test_size=0.5, random_state=seed, stratify=y)
    steps = [{"none": None, "standard": StandardScaler(), "minmax": MinMaxScaler(),
              "quantile": QuantileTransformer(n_quantiles=40)}[c["scaler"]]]
    steps.append(Nystroem(n_components=c["components"], gamma=c["gamma"], kernel=c["kernel"], random_state=seed))
    steps.append(SGDClassifier(loss="log_loss", alpha=c["alpha"], max_iter=c["epochs"], tol=None, random_state=seed))
    model = make_pipeline(*[step for step in steps if step is not None])
    return log_loss(yb, probabilities(model.fit(a, ya), b, 3))


def mlp_cancer(c, seed):
    a, b, ya, yb = halves("cancer", seed)
    model = MLPClassifier(
        (c["width"],) * c["depth"], activation=c["activation"], solver="adam", alpha=c["alpha"],
        batch_size=c["batch"], learning_rate_init=c["lr"], beta_1=c["beta1"], max_iter=10, random_state=seed)
    return log_loss(yb, probabilities(model.fit(a, ya), b, 2))


TABLES = {
    "svm_digits": (svm_digits, {
        "kernel": ["rbf", "poly2", "poly3", "sigmoid"], "C": logs(1e-3, 1e3, 12), "gamma": logs(1e-5, 1, 12),
        "coef0": [0.0, 0.3, 1.0]}),
    "svr_diabetes": (svr_diabetes, {
        "kernel": ["rbf", "poly", "sigmoid"], "C": logs(1e-3, 1e3, 12), "gamma": logs(1e-5, 1, 12),
        "epsilon": logs(1e-3, 1, 8)}),
    "forest_cancer": (forest_cancer, {
        "n_estimators": [5, 10, 20], "max_depth": [1, 2, 3, 4, 6, 8, 12], "min_samples_leaf": [1, 2, 4, 8, 16, 32],
        "max_features": [0.05, 0.1, 0.2, 0.4, 0.7, 1.0], "criterion": ["gini", "entropy"], "bootstrap": [False, True]}),
    "boosting_digits": (boosting_digits, {
        "n_estimators": [10, 30], "learning_rate": logs(0.01, 1, 7), "num_leaves": [2, 4, 8, 16],
        "min_child_samples": [1, 4, 16, 64], "subsample": [0.4, 0.9], "colsample_bytree": [0.1, 0.3, 1.0],
        "reg_lambda": [0.01, 1.0, 100.0]}),
    "boosting_diabetes": (boosting_diabetes, {
        "n_estimators": [5, 10, 20, 40, 80], "learning_rate": logs(0.01, 1, 7), "num_leaves": [2, 3, 4, 8, 16],
        "min_child_samples": [1, 4, 16, 64], "colsample_bytree": [0.1, 0.3, 0.6, 1.0],
        "reg_lambda": [0.01, 1.0, 100.0], "objective": ["l2", "l1"]}),
    "linear_digits": (linear_digits, {
        "loss": ["hinge", "log_loss", "modified_huber", "squared_hinge"], "penalty": ["l2", "l1", "elasticnet"],
        "alpha": logs(1e-6, 1, 8), "eta0": logs(1e-3, 10, 6), "learning_rate": ["constant", "invscaling", "adaptive"],
        "average": [False, True], "epochs": [2, 5]}),
    "neighbours_digits": (neighbours_digits, {
        "n_neighbors": [1, 2, 3, 4, 5, 7, 10, 14, 20, 30], "weights": ["uniform", "distance"],
        "p": [1.0, 1.25, 1.5, 2.0, 3.0, 5.0], "components": [2, 4, 8, 16, 32, 64], "whiten": [False, True]}),
    "trees_diabetes": (trees_diabetes, {
        "kind": ["tree", "extra", "ada"], "max_depth": [1, 2, 3, 4, 6, 8, 12],
        "min_samples_split": [2, 4, 8, 16, 32, 64], "min_samples_leaf": [1, 2, 4, 8, 16, 32],
        "max_features": [0.1, 0.2, 0.4, 0.7, 1.0], "criterion": ["squared_error", "friedman_mse"]}),
    "pipeline_wine": (pipeline_wine, {
        "scaler": ["none", "standard", "minmax", "quantile"], "kernel": ["rbf", "laplacian", "sigmoid"],
        "gamma": logs(1e-4, 1, 9), "components": [4, 8, 16, 32, 64], "alpha": logs(1e-6, 1, 7), "epochs": [5, 20]}),
    "mlp_cancer": (mlp_cancer, {
        "width": [4, 8, 16, 32, 64], "depth": [1, 2], "activation": ["relu", "tanh", "logistic"],
        "alpha": logs(1e-6, 1, 3), "batch": [8, 32, 128], "lr": logs(1e-4, 0.3, 6), "beta1": [0.0, 0.5, 0.9]}),
}


def mlp_curve(name, c, steps):
    """Validation loss after each of steps epochs of a network trained with plain momentum."""
    a, b, ya, yb = halves(name, 0)
    model = MLPClassifier(
        (c["width"],) * c["depth"], activation=c["activation"], solver="sgd", alpha=c["l2"], batch_size=c["batch"],
        learning_rate_init=c["lr"], momentum=c["momentum"], nesterovs_momentum=False, random_state=0)
    losses = []
    for epoch in range(steps):
        if c["decay"] > 0:
            model.learning_rate_init = c["lr"] / (1 + c["decay"] * epoch)
            if epoch:
                model._optimizer.learning_rate = model.learning_rate_init
        try:
            model.partial_fit(a, ya, classes=np.unique(ya))
            losses.append(log_loss(yb, probabilities(model, b, 10)))
        except ValueError:
            return losses + [float("nan")] * (steps - len(losses))
    return losses


def boosting_curve(name, c, steps):
    """Validation loss after each of steps trees a class."""
    a, b, ya, yb = halves(name, 0)
    model = LGBMClassifier(
        n_estimators=steps, learning_rate=c["lr"], num_leaves=c["leaves"], min_child_samples=c["min_child"],
        subsample=c["subsample"], subsample_freq=1, colsample_bytree=c["colsample"], reg_lambda=c["l2"],
        reg_alpha=c["l1"], min_split_gain=c["min_gain"], random_state=0, n_jobs=1, verbose=-1).fit(a, ya)
    losses = []
    for step in range(1, steps + 1):
        p = np.clip(model.predict_proba(b, num_iteration=step), 1e-4, 1)
        losses.append(log_loss(yb, p / p.sum(axis=1, keepdims=True)))
    return losses


def log_uniform(low, high):
    return lambda r: float(f"{np.exp(r.uniform(np.log(low), np.log(high))):.6g}")


def uniform(low, high):
    return lambda r: float(f"{r.uniform(low, high):.6g}")


def whole(low, high):
    return lambda r: int(round(np.exp(r.uniform(np.log(low), np.log(high)))))


CURVES = {
    "mlp_digits": (mlp_curve, "digits", 27, 600, {
        "lr": log_uniform(1e-4, 1), "momentum": uniform(0, 0.99), "l2": log_uniform(1e-7, 1), "batch": whole(8, 256),
        "width": whole(4, 128), "depth": [1, 2, 3], "activation": ["relu", "tanh", "logistic"],
        "decay": log_uniform(1e-3, 1)}),
    "mlp_cancer_curve": (mlp_curve, "cancer", 27, 600, {
        "lr": log_uniform(1e-4, 1), "momentum": uniform(0, 0.99), "l2": log_uniform(1e-7, 1), "batch": whole(4, 128),
        "width": whole(4, 128), "depth": [1, 2, 3], "activation": ["relu", "tanh", "logistic"],
        "decay": log_uniform(1e-3, 1)}),
    "boosting_digits_curve": (boosting_curve, "digits", 50, 600, {
        "lr": log_uniform(1e-2, 1), "leaves": whole(2, 32), "min_child": whole(1, 100), "subsample": uniform(0.1, 1),
        "colsample": uniform(0.05, 1), "l2": log_uniform(1e-3, 1e3), "l1": log_uniform(1e-3, 10),
        "min_gain": log_uniform(1e-4, 10)}),
    "boosting_wine_curve": (boosting_curve, "wine", 50, 600, {
        "lr": log_uniform(1e-2, 1), "leaves": whole(2, 32), "min_child": whole(1, 40), "subsample": uniform(0.1, 1),
        "colsample": uniform(0.05, 1), "l2": log_uniform(1e-3, 1e3), "l1": log_uniform(1e-3, 10),
        "min_gain": log_uniform(1e-4, 10)}),
}


def write(folder, name, space, metrics, header, rows, title):
    """The rows to a file beside which their description stands; whole or not at all."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with gzip.open(path + ".csv.gz.part", "wt", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    with open(path + ".json", "w") as out:
        json.dump({"title": title, "space": space, "metrics": metrics, "columns": header, "rows": len(rows)}, out, indent=1)
    os.replace(path + ".csv.gz.part", path + ".csv.gz")


def text(value):
    return str(value).lower() if isinstance(value, bool) else f"{value:.6g}" if isinstance(value, float) else value


def progress(name, done, count, began):
    if done % max(1, count // 20) == 0:
        took = time.time() - began
        print(f"{name}: {done}/{count}, {took:.0f} s, {took / max(done, 1) * (count - done):.0f} s left", flush=True)


def record_table(root, name):
    evaluate, space = TABLES[name]
    configs = [dict(zip(space, values)) for values in itertools.product(*space.values())]
    rows, began = [], time.time()
    for done, c in enumerate(configs, 1):
        values, times = [], []
        for seed in range(SEEDS):
            start = time.process_time()
            try:
                value = evaluate(c, seed)
            except ValueError:
                value = float("nan")
            values.append(f"{value:.6g}")
            times.append(f"{time.process_time() - start:.4g}")
        rows.append([repr(v) if isinstance(v, float) else text(v) for v in c.values()] + values + times)
        progress(name, done, len(configs), began)
    header = list(space) + [f"{m}_{s}" for m in ("error", "runtime_s") for s in range(SEEDS)]
    metrics = {"error": {"goal": "min", "seeds": SEEDS}, "runtime_s": {"goal": "min", "unit": "s", "seeds": SEEDS}}
    write(os.path.join(root, "tables"), name, space, metrics, header, rows, f"{name} (scikit-learn's data)")


def record_curve(root, name):
    evaluate, where, steps, count, space = CURVES[name]
    draw, rows, began = random.Random(name), [], time.time()
    for done in range(1, count + 1):
        c = {key: value(draw) if callable(value) else draw.choice(value) for key, value in space.items()}
        rows.append([text(v) for v in c.values()] + [f"{v:.6g}" for v in evaluate(where, c, steps)])
        progress(name, done, count, began)
    described = {k: "float" if callable(v) else v for k, v in space.items()}
    header = list(space) + [f"loss_{i}" for i in range(steps)]
    write(os.path.join(root, "curves"), name, described, {"loss": {"goal": "min", "steps": steps}}, header, rows,
          f"{name} (scikit-learn's data)")


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    root, names = sys.argv[1], sys.argv[2:] or list(TABLES) + list(CURVES)
    for name in names:
        if name not in TABLES and name not in CURVES:
            print(f"error: there is no '{name}'; there are: {' '.join(list(TABLES) + list(CURVES))}", file=sys.stderr)
            return 2
    for name in names:
        kind, record = ("tables", record_table) if name in TABLES else ("curves", record_curve)
        if os.path.exists(os.path.join(root, kind, name + ".csv.gz")):
            print(f"{name}: there already")
        else:
            try:
                record(root, name)
            except KeyboardInterrupt:
                print(f"\nstopped; {name} begins anew next time, what was recorded whole stays", file=sys.stderr)
                return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
