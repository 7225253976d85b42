#pragma once

namespace hone::cli {

/// What `hone init --template command` writes: the study, and beside it the program that it runs, which is
/// named @PROGRAM@ in it.
inline constexpr const char* kCommandTemplate =
    R"(# A study of any program: hone runs it with parameters, it reports what came of them. Run it with
#   hone search FILE
# docs/command.md tells everything; `hone methods command` lists the options of [task].

[study]
# Names that the program reports. Always there: seconds, cpu_s, memory_bytes of the run.
minimize = ["loss"]
seed = 1

[task]
kind = "command"
# Program and arguments, from this file's folder; {lr} stands for the parameter lr. Parameters come as environment
# variables too (HONE_PARAM_LR), and as JSON (HONE_CONFIG, or on standard input with stdin = "json").
run = ["sh", "@PROGRAM@", "{lr}"]
# arguments = "equals"       # --lr=0.001 for every parameter that run does not mention; "space": --lr 0.001
# report = "stdout"          # JSON lines from standard output, for a program that cannot be changed
unit = "epochs"              # what fidelity counts
time = "10 min"              # one run's limits; beyond them the trial has failed
memory = "2 GB"
grace = "5 s"                # to save after SIGTERM (paused, pruned, Ctrl-C), before SIGKILL
# inputs = ["data.csv"]      # files that results depend on: hone refuses to go on when they changed
# cores = 1                  # of each run, its own
# gpus = 1                   # likewise, as CUDA_VISIBLE_DEVICES

# The program reports in JSON, a line at a time, to the file descriptor HONE_REPORT_FD. In shell:
#
#   report() { printf '%s\n' "$1" >&"${HONE_REPORT_FD:-1}"; }
#   report '{"fidelity": 3, "loss": 0.25}'
#
# In Python:
#
#   import json, os
#   def report(**values):
#       os.write(int(os.environ.get("HONE_REPORT_FD", 1)), (json.dumps(values) + "\n").encode())
#   config = json.loads(os.environ.get("HONE_CONFIG", "{}"))

[space]
lr    = { real = [1e-4, 1e-1], log = true }
decay = { real = [0.0, 1.0] }

[search]
searcher  = "tpe"
# Every trial runs 1 epoch (HONE_FIDELITY), the better third goes on to 3, the better third of those to 9.
scheduler = { kind = "asha", steps = [1, 3, 9], eta = 3 }

[budget]
trials = 50
)";

inline constexpr const char* kCommandProgram =
    R"(#!/bin/sh
# The program that hone tunes: put yours here. This one descends a parabola, and saves where it is.
report() { printf '%s\n' "$1" >&"${HONE_REPORT_FD:-1}"; }

lr=${1:-0.01}
epoch=0 x=3
state=${HONE_CHECKPOINT:-/tmp}/state
# HONE_CHECKPOINT is a folder of the trial's own: what is saved there is there again when the trial goes on.
if [ -n "$HONE_CHECKPOINT" ] && [ -f "$state" ]; then read -r epoch x <"$state"; fi

while [ "$epoch" -lt "${HONE_FIDELITY:-9}" ]; do
  epoch=$((epoch + 1))
  x=$(awk -v x="$x" -v lr="$lr" -v decay="${HONE_PARAM_DECAY:-0}" -v epoch="$epoch" \
    'BEGIN { for (i = 0; i < 20; i++) x -= 2 * lr / (1 + decay * epoch) * x; print x }')
  if [ -n "$HONE_CHECKPOINT" ]; then echo "$epoch $x" >"$state.new" && mv "$state.new" "$state"; fi
  report "{\"fidelity\": $epoch, \"loss\": $(awk -v x="$x" 'BEGIN { print x * x }')}"
done
)";

}  // namespace hone::cli
