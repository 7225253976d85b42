#pragma once

namespace hone::cli {

/// What `hone init --template recorded` writes: the study, and beside it the table that it searches (rows and
/// description). What is filled in: @TABLE@, its path; @OBJECTIVES@, lines of minimize and maximize; @SPACE@,
/// some of its parameters in comments; @SCHEDULER@ and @TRIALS@, how far trials run and how
/// many there are.
inline constexpr const char* kRecordedTemplate =
    R"(# A study of a table of results that were measured before: each trial looks a row up, so that a search takes no
# time and can be repeated, with other searchers say. Run it with
#   hone search FILE
# docs/formats.md tells how a table is written; `hone methods recorded` lists the options of [task].

[study]
# Names of the table's measures. Several: the result is a front.
@OBJECTIVES@
seed = 1

[task]
kind = "recorded"
# NAME.csv or NAME.csv.gz with NAME.json beside it; relative paths start at this file.
table = "@TABLE@"
# beside = ["latencies.csv"]  # further tables of the same configurations, whose measures come along
# seed = "each"               # where several seeds are recorded: one of them, else their mean
# missing = "fail"            # a config that is not recorded; else it takes the nearest row's values
# cost = "runtime_s"          # the measure that says how long an evaluation took

# The table brings its space. A part of it, or constraints, can be said here:
# [space]
@SPACE@

# A measure that must not be above something:
# [limits]
# latency_s = { max = "1 ms" }

[search]
searcher  = "auto"
@SCHEDULER@

[budget]
trials = @TRIALS@
)";

/// What is filled in for the table written beside it.
inline constexpr const char* kRecordedSpace =
    R"(# width      = { choice = [16, 32, 64, 128] }
# layers     = { choice = [1, 2, 4] }
# activation = ["tanh", "relu"])";
inline constexpr const char* kRecordedScheduler =
    R"(scheduler = { kind = "fixed", steps = 1 }   # a table with learning curves has steps to stop at: asha, say)";

/// Its rows and its description: numbers made up, put yours here.
inline constexpr const char* kRecordedRows =
    R"(width,layers,activation,loss,latency_s
16,1,tanh,0.612,0.00012
16,1,relu,0.598,0.00010
16,2,tanh,0.547,0.00019
16,2,relu,0.521,0.00017
16,4,tanh,0.530,0.00034
16,4,relu,0.489,0.00031
32,1,tanh,0.561,0.00018
32,1,relu,0.540,0.00016
32,2,tanh,0.482,0.00030
32,2,relu,0.447,0.00027
32,4,tanh,0.459,0.00055
32,4,relu,0.403,0.00051
64,1,tanh,0.520,0.00035
64,1,relu,0.497,0.00031
64,2,tanh,0.431,0.00061
64,2,relu,0.388,0.00056
64,4,tanh,0.405,0.00118
64,4,relu,0.341,0.00109
128,1,tanh,0.505,0.00083
128,1,relu,0.476,0.00076
128,2,tanh,0.412,0.00157
128,2,relu,0.359,0.00146
128,4,tanh,0.398,0.00308
128,4,relu,0.329,0.00287
)";

inline constexpr const char* kRecordedDescription =
    R"({"title": "A table to begin with",
 "rows": 24,
 "space": {"width": [16, 32, 64, 128], "layers": [1, 2, 4], "activation": ["tanh", "relu"]},
 "metrics": {"loss": {"goal": "min"}, "latency_s": {"goal": "min", "unit": "s"}}}
)";

}  // namespace hone::cli
