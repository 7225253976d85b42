// hone cost recur: training jobs that recur, with the batch size and power limit that cost least.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "cost.h"
#include "hone/base/units.h"
#include "hone/run/recurring_text.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct CostRecurArguments {
  std::string file, trace;
  std::int64_t times = 1, recurrences = 0, batch = 0, seed = 0, window = -1;
  double eta = -1.0, beta = 0.0, max_epochs = 0.0;
  bool explain = false, status = false, json = false, quiet = false;
};

/// What the journal tells, as far as it is this job's.
cost::RecurringHistory recurring_history_of(const run::RecurringJob& job) {
  cost::RecurringHistory history = cost::RecurringJournal::read(job.journal());
  job.check_recorded(history.job);
  return history;
}

int replay(const CostRecurArguments& arguments) {
  const cost::RecurringTrace trace = cost::RecurringTrace::read(arguments.trace);
  cost::ReplayOptions options;
  if (!arguments.file.empty()) options.zeus = run::RecurringJob::read(arguments.file).zeus;
  cost::ZeusOptions& zeus = options.zeus;
  if (arguments.batch > 0) zeus.default_batch = arguments.batch;
  if (zeus.default_batch == 0)
    throw Error("which batch size is the default, which the others are held against?", {},
                "--default 32, or a job file that says it");
  if (arguments.eta >= 0.0) zeus.eta = arguments.eta;
  if (arguments.beta > 0.0) zeus.beta = arguments.beta;
  if (arguments.window >= 0) zeus.window = arguments.window;
  if (arguments.seed > 0) zeus.seed = static_cast<std::uint64_t>(arguments.seed);
  options.recurrences = arguments.recurrences;
  options.max_epochs = arguments.max_epochs;
  cost::ReplayResult result;
  try {
    result = cost::replay_trace(trace, options);
  } catch (const Error& error) {
    const std::string key = error.place().key;
    throw Error((key.empty() ? "" : key + ": ") + error.message(), Place{arguments.trace, 0, ""},
                error.hint());
  }
  if (arguments.json)
    print_json(result.json());
  else
    std::printf("%s", run::replay_text(result).c_str());
  return kDone;
}

/// Of a job whose recurrences just failed: its journal may be what is wrong.
Json recurring_status_or_null(const run::RecurringJob& job) {
  try {
    return run::recurring_status_json(job, recurring_history_of(job));
  } catch (const Error&) {
    return nullptr;
  }
}

int recur_now(const CostRecurArguments& arguments, const run::RecurringJob& job) {
  catch_interrupts();
  // Whoever read what it says may be gone before the run is: its power limit is put back all the same.
  std::signal(SIGPIPE, SIG_IGN);
  ProgressLine progress(arguments.quiet);
  run::RecurrenceEars ears;
  ears.interrupted = interrupted;
  ears.progress = [&](const std::string& what) { progress.show(what); };
  ears.said = [&](const std::string& what) {
    progress.clear();
    if (!arguments.quiet) std::fprintf(stderr, "%s\n", what.c_str());
  };
  ears.warned = [&](const std::string& what) {
    progress.clear();
    std::fprintf(stderr, "warning: %s\n", what.c_str());
  };
  Json list = Json::array();
  ears.finished = [&](const run::FinishedRun& run) {
    progress.clear();
    if (arguments.json)
      list.push_back(run::finished_run_json(job, run));
    else
      std::printf("%s\n", run::finished_run_text(job, run).c_str());
    std::fflush(stdout);
  };
  bool stopped = false;
  try {
    for (std::int64_t i = 0; i < arguments.times && !stopped; ++i) {
      const run::RecurrenceResult result = run::run_recurrence(job, ears);
      progress.clear();
      if (!result.reached && !result.interrupted)
        throw Error(
            fmt::format("the target was not reached in {}", counted(job.tries, "run")),
            Place{job.path, 0, "recur.tries"},
            std::all_of(
                result.runs.begin(), result.runs.end(),
                [](const run::FinishedRun& one) { return one.run.ending == cost::RunEnding::stopped; })
                ? "all were stopped at the cost of --status's stops_at_j: where the data became dearer, let "
                  "only the latest costs count (window = 10), or let runs go on for longer (a higher beta)"
                : "");
      stopped = result.interrupted;
    }
  } catch (const Error& error) {
    // The runs before are no worse for it.
    progress.clear();
    if (arguments.json)
      print_json({{"runs", list},
                  {"stopped", false},
                  {"error", error.what()},
                  {"status", recurring_status_or_null(job)}});
    throw;
  }
  if (arguments.json) {
    print_json({{"runs", list},
                {"stopped", stopped},
                {"status", run::recurring_status_json(job, cost::RecurringJournal::read(job.journal()))}});
  } else if (stopped) {
    std::fprintf(stderr, "stopped; what ended is recorded, and the same command goes on\n");
  }
  return stopped ? kStopped : kDone;
}

int recur(const CostRecurArguments& arguments) {
  if (!arguments.trace.empty()) return replay(arguments);
  if (arguments.file.empty())
    throw Error("names no job", {},
                "hone cost recur JOB.toml, or --replay TRACE.csv; --help shows a job file");
  const run::RecurringJob job = run::RecurringJob::read(arguments.file);
  if (!arguments.explain && !arguments.status) return recur_now(arguments, job);
  const cost::RecurringHistory history = recurring_history_of(job);
  if (arguments.json)
    print_json(arguments.status ? run::recurring_status_json(job, history)
                                : run::recurring_explain_json(job, history));
  else
    std::printf("%s", (arguments.status ? run::recurring_status_text(job, history)
                                        : run::recurring_explain_text(job, history))
                          .c_str());
  return kDone;
}

constexpr const char* kRecurFooter =
    "\nRuns a training job that you run again and again, each time with the batch size and power limit that "
    "promise\n"
    "the least eta x energy + (1 - eta) x maximum power x time to its target. It first explores from the "
    "default\n"
    "downward and upward, then draws from what it has learned; docs/recurring.md tells all. A job file:\n\n"
    "  [command]\n"
    "  run = [\"python3\", \"train.py\", \"--batch\", \"{batch_size}\"]   # reports as docs/command.md says\n"
    "  [recur]\n"
    "  batch_sizes = [16, 32, 64, 128]\n"
    "  default = 64\n"
    "  target = { metric = \"accuracy\", min = 0.9 }\n"
    "  [power]                                # only where power limits may be set\n"
    "  limits_w = [300, 250, 200, 150]\n"
    "  set = [\"sudo\", \"nvidia-smi\", \"-i\", \"0\", \"-pl\", \"{watts}\"]\n\n"
    "Examples:\n"
    "  hone cost recur job.toml --explain       # what would be chosen, and why; runs nothing\n"
    "  hone cost recur job.toml                 # one recurrence\n"
    "  hone cost recur job.toml --times 10\n"
    "  hone cost recur job.toml --status --json\n"
    "  hone cost recur --replay trace.csv --default 64 --eta 1   # Zeus, the default and grid search on a "
    "trace";

}  // namespace

void add_cost_recur(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand(
      "recur",
      "Run a training job that recurs with the batch size and power limit that cost least energy and time");
  command->footer(kRecurFooter);
  auto arguments = std::make_shared<CostRecurArguments>();
  command->add_option("JOB", arguments->file, "The job file (TOML)");
  auto* times = command->add_option("--times", arguments->times, "Recurrences to run, one after the other")
                    ->check(whole_number(1, 1000000000))
                    ->capture_default_str();
  auto* explain =
      command->add_flag("--explain", arguments->explain, "Show what the next run would get; run nothing");
  auto* status =
      command->add_flag("--status", arguments->status, "Show the batch sizes, beliefs and savings so far");
  auto* trace =
      command->add_option("--replay", arguments->trace,
                          "Play recurrences on a trace instead: a CSV of batch_size, power_limit_w, "
                          "epochs, seconds_per_epoch, average_power_w");
  explain->excludes(status)->excludes(times)->excludes(trace);
  status->excludes(times)->excludes(trace);
  trace->excludes(times);
  command->add_option("--recurrences", arguments->recurrences, "Of a replay; 0: 2 x batch sizes x limits")
      ->check(whole_number(0, 1000000))
      ->needs(trace);
  command->add_option("--default", arguments->batch, "Of a replay: the batch size that is used otherwise")
      ->check(whole_number(1, 1000000000000000))
      ->needs(trace);
  command->add_option("--eta", arguments->eta, "Of a replay: 1 energy, 0 time; otherwise the job's, or 0.5")
      ->check(between(0.0, 1.0))
      ->needs(trace);
  command
      ->add_option("--beta", arguments->beta,
                   "Of a replay: early stopping, inf: none; otherwise the job's, or 2")
      ->check(CLI::Validator(
          [](std::string& text) {
            char* end = nullptr;
            const double value = std::strtod(text.c_str(), &end);
            return !text.empty() && *end == '\0' && value > 0.0
                       ? std::string()
                       : fmt::format("expected a number above 0 or inf, found '{}'", text);
          },
          ""))
      ->needs(trace);
  command->add_option("--window", arguments->window, "Of a replay: latest costs that count; 0: all")
      ->check(whole_number(0, 1000000000))
      ->needs(trace);
  command->add_option("--seed", arguments->seed, "Of a replay")
      ->check(whole_number(1, 1000000000))
      ->needs(trace);
  command->add_option("--max-epochs", arguments->max_epochs, "Of a replay: where a run is given up")
      ->check(positive())
      ->needs(trace);
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([=, &action] { action = [=] { return recur(*arguments); }; });
}

}  // namespace hone::cli
