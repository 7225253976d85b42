// A recorded benchmark as a task: searching a table that was measured once by somebody, so that a study takes
// milliseconds and can be repeated. Values are those of the table; nothing is interpolated. Where a space is
// not recorded completely (real parameters, a random sample of a grid), a config gets the values of the
// nearest recorded row, as tabular benchmarks do: what a searcher sees are real measurements, and the best of
// them can be found, but the landscape has steps, and two configs may be one row (the measure `row` says
// which). A surrogate model would be smooth and would be wrong in ways that nobody knows.
#include "hone/task/recorded.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/files.h"
#include "hone/base/key.h"
#include "hone/task/searchable.h"
#include "hone/task/task.h"

namespace hone::task {
namespace {

class RecordedTask final : public Task {
 public:
  RecordedTask(const Options& options, const std::string& folder)
      : options_(options), path_(beside_study(options.text("table"), folder)) {
    use_.measures = options.texts("measures");
    for (const std::string& beside : options.texts("beside"))
      use_.beside.push_back(beside_study(beside, folder));
    use_.each_seed = options.text("seed") == "each";
    use_.nearest = options.text("missing") == "nearest";
    use_.cost = options.text("cost");
    use_.cell = options.text("cell");
    try {
      Table::files(path_);
    } catch (const Error& error) {
      throw Error(fmt::format("{}: {}", error.place().file, error.message()), options.place("table"),
                  error.hint());
    }
  }

  std::vector<MeasureInfo> measures() const override {
    std::vector<MeasureInfo> infos;
    for (const auto& measure : recorded().measures()) {
      const bool row = measure.name == "row";
      infos.push_back({measure.name,
                       row                    ? "which recorded row answered"
                       : measure.unit.empty() ? "as recorded"
                                              : "as recorded, " + measure.unit,
                       measure.minimize, false, measure.before});
    }
    return infos;
  }
  std::string fidelity_unit() const override { return "steps"; }
  bool whole_at_one() const override { return !recorded().has_steps(); }
  bool reports() const override { return options_.integer("report") > 0; }
  std::string cost_measure() const override { return recorded().cost_measure(); }
  std::int64_t largest_fidelity() const override { return recorded().horizon(); }
  std::optional<space::Space> default_space() const override { return recorded().space(); }
  void check(const space::Space& space) const override { recorded().table().check(space); }
  void check_rungs(const std::vector<std::int64_t>& rungs) const override {
    if (!recorded().has_steps()) {
      if (rungs.size() > 1)
        throw Error("the table has no learning curves: there is nothing between a first and a last fidelity",
                    {}, "take scheduler = { kind = \"fixed\", steps = 1 }");
      return;
    }
    if (rungs.back() > recorded().horizon())
      throw Error(fmt::format("{} steps are asked for, but the curves were recorded for {}", rungs.back(),
                              recorded().horizon()));
  }
  std::string prepare() const override {
    const auto& known = recorded();
    const std::string renamed = known.table().renamed(), note = known.note();
    return fmt::format("{}: {} rows, {}{}{}{}", known.title(), known.table().rows(),
                       known.table().complete() ? "every configuration of its space"
                                                : "other configurations take the nearest row's values",
                       known.has_cells() ? "; cells of NAS-Bench-201, known by what they compute" : "",
                       renamed.empty() ? "" : "; the column " + renamed, note.empty() ? "" : "; " + note);
  }
  std::string data_identity() const override {
    std::call_once(identity_once_, [this] {
      KeyBuilder builder;
      const auto add = [&](const std::string& path) {
        const auto [rows, description] = Table::files(path);
        builder.text(read_file(rows)).text(read_file(description));
      };
      add(path_);
      for (const std::string& beside : use_.beside) add(beside);
      identity_ = builder.build().hex();
    });
    return identity_;
  }
  std::optional<graph::Graph> graph(const space::Config& config) const override {
    return recorded().graph(config);
  }
  study::Measures design_costs(const space::Config& config) const override {
    return recorded().costs(config);
  }
  std::optional<std::string> unseen_by_probe(const space::Config&) const override {
    if (!recorded().has_cells()) return std::nullopt;
    return fmt::format("recorded 1 table={} seed={}", data_identity(), options_.text("seed"));
  }
  std::vector<std::string> neutral_options() const override { return {"clock", "speed"}; }

  const Recorded& recorded() const {
    std::call_once(once_, [this] {
      try {
        recorded_ = std::make_unique<Recorded>(path_, use_);
      } catch (const Error& error) {
        if (!error.place().file.empty()) throw;
        const std::string& option = error.place().key;
        throw Error(error.message(), options_.place(option.empty() ? "table" : option), error.hint());
      }
    });
    return *recorded_;
  }

 private:
  Options options_;
  std::string path_;
  RecordedUse use_;
  mutable std::once_flag once_, identity_once_;
  mutable std::unique_ptr<Recorded> recorded_;
  mutable std::string identity_;
};

class RecordedEvaluator final : public Evaluator {
 public:
  RecordedEvaluator(std::shared_ptr<const Task> task, const Options& options)
      : task_(std::dynamic_pointer_cast<const RecordedTask>(std::move(task))),
        slow_(options.text("clock") == "real"),
        speed_(options.real("speed")),
        report_(options.integer("report")) {
    if (!task_) throw internal_error("the evaluator of recorded tables was given another task");
  }

  std::vector<double> probe(const space::Config& config) override { return task_->recorded().probe(config); }

  Outcome run(const Assignment& assignment, Reporter& reporter) override {
    const Recorded& recorded = task_->recorded();
    const auto row = recorded.row_of(assignment.trial.config);
    const auto evaluate = [&](std::int64_t fidelity) {
      return recorded.at_row(row, assignment.trial.seed, recorded.has_steps() ? fidelity : 1);
    };
    Outcome outcome;
    outcome.fidelity = assignment.from;
    double spent_s = 0.0;
    if (recorded.has_steps() && assignment.from > 0) spent_s = evaluate(assignment.from).cost_s;
    for (std::int64_t step = recorded.has_steps() ? assignment.from + 1 : assignment.to;
         step <= assignment.to; ++step) {
      const Evaluation here = evaluate(step);
      if (reporter.interrupted() || !wait(here.cost_s - spent_s, reporter)) {
        outcome.ending = Ending::interrupted;
        return outcome;
      }
      spent_s = here.cost_s;
      if (!here.failure.empty()) {
        outcome.ending = Ending::failed;
        outcome.fidelity = here.failed_at;
        outcome.measures = {};
        outcome.reason = here.failure;
        outcome.cause = recorded.has_steps() ? "diverged" : here.infinite ? "nan" : "missing";
        return outcome;
      }
      outcome.fidelity = step;
      outcome.measures = here.measures;
      if (step == assignment.to || report_ == 0 || step % report_ != 0) continue;
      const Reporter::Verdict verdict = reporter.report(step, here.measures);
      if (verdict == Reporter::Verdict::go_on) continue;
      outcome.ending = verdict == Reporter::Verdict::pause ? Ending::paused : Ending::stopped;
      return outcome;
    }
    return outcome;
  }

 private:
  /// Sleeps for so many recorded seconds, where that is wanted. false: interrupted meanwhile.
  bool wait(double seconds, Reporter& reporter) const {
    if (!slow_ || seconds <= 0.0) return true;
    const double until = monotonic_s() + seconds / speed_;
    for (double now = monotonic_s(); now < until; now = monotonic_s()) {
      if (reporter.interrupted()) return false;
      std::this_thread::sleep_for(std::chrono::duration<double>(std::min(0.05, until - now)));
    }
    return true;
  }

  std::shared_ptr<const RecordedTask> task_;
  bool slow_;
  double speed_;
  std::int64_t report_;
};

std::vector<OptionSpec> recorded_options() {
  using Type = OptionSpec::Type;
  return {
      {.name = "table",
       .type = Type::text,
       .fallback = nullptr,
       .summary = "NAME.csv.gz or NAME.csv, with NAME.json beside it"},
      {.name = "beside",
       .type = Type::texts,
       .fallback = Json::array(),
       .summary = "further tables of the same configurations, whose measures come along (latencies, say)"},
      {.name = "measures",
       .type = Type::texts,
       .fallback = Json::array(),
       .summary = "the columns that are measures, where the table's description does not say"},
      {.name = "seed",
       .type = Type::text,
       .fallback = "mean",
       .summary = "a trial's value: the mean over the recorded seeds, or one of them by the trial's seed",
       .allowed = {"mean", "each"}},
      {.name = "missing",
       .type = Type::text,
       .fallback = "nearest",
       .summary = "a config that was not recorded takes the nearest row's values, or fails",
       .allowed = {"nearest", "fail"}},
      {.name = "cost",
       .type = Type::text,
       .fallback = "",
       .summary = "the measure that says how many seconds an evaluation took; \"\": runtime_s where there is "
                  "one, else 1 s an evaluation or step"},
      {.name = "cell",
       .type = Type::text,
       .fallback = "auto",
       .summary = "cells of NAS-Bench-201 are recognised by what they compute: where the columns are theirs "
                  "(auto), or not at all (none)",
       .allowed = {"auto", "nasbench201", "none"}},
      {.name = "report",
       .type = Type::integer,
       .fallback = 1,
       .summary = "curves: intermediate results every so many steps; 0: none",
       .low = 0},
      {.name = "clock",
       .type = Type::text,
       .fallback = "none",
       .summary = "real: an evaluation takes as long as was recorded, by `speed`; none: no time",
       .allowed = {"none", "real"}},
      {.name = "speed",
       .type = Type::real,
       .fallback = 1.0,
       .summary = "recorded seconds that pass in a second of clock = \"real\"",
       .low = 1e-9,
       .high = 1e12},
  };
}

}  // namespace
}  // namespace hone::task

HONE_REGISTER(task, recorded) {
  using namespace hone;
  registry.add("task",
               {.name = "recorded",
                .summary = "a table of results that were measured before: searching it takes no training",
                .paper = "",
                .options = task::recorded_options(),
                .traits = "brings its space"},
               task::MakeTask([](const Options& options,
                                 const std::string& folder) -> std::shared_ptr<const task::Task> {
                 return std::make_shared<task::RecordedTask>(options, folder);
               }));
}

HONE_REGISTER(evaluator, recorded) {
  using namespace hone;
  registry.add("evaluator", {.name = "recorded", .summary = "looks the result up", .paper = ""},
               task::MakeEvaluator([](std::shared_ptr<const task::Task> task, const Options& options,
                                      const std::string&) -> std::unique_ptr<task::Evaluator> {
                 return std::make_unique<task::RecordedEvaluator>(std::move(task), options);
               }));
}
