"""One adapter, one process: hone starts it, writes one JSON object a line to its standard input and reads one a
line from its standard output. docs/bench.md describes the lines.

    start   {"do": "start", "method": ..., "space": [...], "objectives": [...], "seed": 1, "trials": 100,
             "limits": 0, "workers": 1, "rungs": [1, 3, 9], "seconds": false}
                                                                   -> {"version": "optuna 5.0.0"}
    ask     {"do": "ask", "trial": 3}                              -> {"config": {...}, "ms": 1.5}
            {"trial": 1, "to": 9, ...} with several rungs: the trial to run or to go on with, and how far;
            a config of null says that nothing can be asked until something is told; where nothing runs, that
            there is nothing more to propose: the run ends there, and what it found counts
    tell    {"do": "tell", "trial": 3, "values": [0.3]}            -> {"ms": 0.1}
            values of null: it failed; "limits": [0.2] where it was started with that many: by how much
            each is broken, at most 0 where it is kept; "seconds": 2.5 where it was started with "seconds": true:
            how long the evaluation took, as recorded (of a trial that went on, since it was asked for again)
    report  {"do": "report", "trial": 3, "fidelity": 3, "values": [0.3]}
                                                                   -> {"verdict": "continue", "ms": 0.1}
    fill    {"do": "fill", "configs": [...], "values": [[0.3], ...]}  finished trials, without asking
                                                                   -> {"ms": 90.0}
    stop    {"do": "stop"}                                         -> nothing; the process ends

A parameter of the space with {"when": {"parent": NAME, "values": [...]}} is there only where its parent is and has
one of those values. A peer that knows no conditions may give values for it all the same.

Values are oriented: less is better. An answer {"error": "..."} ends the run: what it found until then is shown, but has
no rank.
"""

import importlib.metadata
import inspect
import json
import os
import sys
import time


class Unable(Exception):
    """What this peer cannot do, in words for the user: the run is skipped with them."""


def versions(*packages):
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)


def grid(parameter):
    """The values of a parameter that has finitely many ordered ones apart from integers, else None."""
    return parameter["values"] if parameter["kind"] == "ordinal" else None


def categories(parameter):
    if parameter["kind"] == "flag":
        return [False, True]
    return parameter["values"] if parameter["kind"] == "choice" else None


def parents_first(space):
    """The parameters in an order in which each comes after the one that it depends on."""
    done, left = [], list(space)
    while left:
        known = {parameter["name"] for parameter in done}
        ready = [parameter for parameter in left if "when" not in parameter or parameter["when"]["parent"] in known]
        if not ready:
            raise Unable("a condition names a parameter that is not there")
        done += ready
        left = [parameter for parameter in left if parameter not in ready]
    return done


def unit_size(parameter):
    """How many values an integer has."""
    return (parameter["high"] - parameter["low"]) // parameter["step"] + 1


class Worst:
    """What stands for a failed trial where a peer knows no failures: the worst value of those that ended."""

    def __init__(self):
        self.values = []

    def of(self, values):
        if values is None:
            return self.values
        self.values = [max(pair) for pair in zip(values, self.values)] if self.values else list(values)
        return values


class Timed:
    """Milliseconds of processor time between with and its end: what a neighbour on the machine cannot lengthen."""

    def __enter__(self):
        self.start = time.process_time()
        return self

    def __exit__(self, *_):
        self.ms = (time.process_time() - self.start) * 1e3


def serve(make):
    """Answers lines until the input ends. `make(setup)` gives an object with version, ask(number) and
    tell(number, values), and where it takes several rungs report(number, fidelity, values). ask gives a config,
    or (trial, config, to), or None. tell is given limits where it was started with some, and seconds where it has
    a parameter of that name and they are told."""
    # What a library prints must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(line):
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    peer = None
    for text in sys.stdin:
        line = json.loads(text)
        try:
            if line["do"] == "start":
                with Timed() as timed:
                    peer = make(line)
                takes_seconds = "seconds" in inspect.signature(peer.tell).parameters
                answer({"version": peer.version, "ms": timed.ms})
            elif line["do"] == "ask":
                with Timed() as timed:
                    asked = peer.ask(line["trial"])
                if isinstance(asked, tuple):
                    answer({"trial": asked[0], "config": asked[1], "to": asked[2], "ms": timed.ms})
                else:
                    answer({"config": asked, "ms": timed.ms})
            elif line["do"] == "tell":
                limits = (line["limits"],) if "limits" in line else ()
                seconds = {"seconds": line["seconds"]} if takes_seconds and "seconds" in line else {}
                with Timed() as timed:
                    peer.tell(line["trial"], line["values"], *limits, **seconds)
                answer({"ms": timed.ms})
            elif line["do"] == "report":
                with Timed() as timed:
                    report = getattr(peer, "report", None)
                    verdict = report(line["trial"], line["fidelity"], line["values"]) if report else "continue"
                answer({"verdict": verdict, "ms": timed.ms})
            elif line["do"] == "fill":
                if not hasattr(peer, "fill"):
                    raise Unable("it cannot be given finished trials")
                with Timed() as timed:
                    peer.fill(line["configs"], line["values"])
                answer({"ms": timed.ms})
            elif line["do"] == "stop":
                return
            else:
                answer({"error": f"unknown request {line['do']!r}"})
        except Unable as error:
            answer({"error": str(error), "unable": True})
        except Exception as error:  # told to the user; the driver ends this process
            import traceback

            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"})
