// A program with tasks of its own, for tests/run/worker_main_test.cpp: one that is a function, one with the
// full interfaces.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "hone/hone.h"

namespace {

using hone::Options;
using hone::OptionSpec;
using hone::Outcome;

/// (a - 0.3)^2, and what the options make of it on the way: a crash of the process where a is high, a slow
/// trial, an exception.
Outcome slope(const hone::Assignment& assignment, hone::Reporter& reporter, const Options& options) {
  const double a = assignment.trial.config.real("a");
  if (options.flag("crash") && a > 0.5) std::raise(SIGSEGV);
  const std::string mood = options.text("mood");
  if (mood == "wild") throw std::runtime_error("the mood is wild");
  if (mood == "blunt" && a > 0.5) throw 5;
  if (mood.starts_with("leaves with ") && a > 0.5) std::exit(mood.back() - '0');
  std::this_thread::sleep_for(std::chrono::duration<double>(options.real("pause")));
  if (reporter.interrupted()) return {.ending = hone::Ending::interrupted, .fidelity = assignment.from};
  return {.fidelity = assignment.to,
          .measures = {{"value", options.real("scale") * (a - 0.3) * (a - 0.3)}, {"high", a}}};
}

hone::OwnTask slope_task() {
  return {.name = "slope",
          .summary = "a parabola",
          .measures = {{"value", "how far from 0.3"},
                       {.name = "high", .summary = "how high", .minimize = false, .timed = true}},
          .options = {{.name = "scale", .fallback = 1.0, .summary = "factor", .low = 0.5, .high = 4.0},
                      {.name = "crash",
                       .type = OptionSpec::Type::flag,
                       .fallback = false,
                       .summary = "crash where a is over 0.5"},
                      {.name = "pause",
                       .type = OptionSpec::Type::duration,
                       .fallback = 0.0,
                       .summary = "time a trial takes",
                       .low = 0.0},
                      {.name = "mood",
                       .type = OptionSpec::Type::text,
                       .fallback = "calm",
                       .summary = "how it feels",
                       .allowed = {"calm", "wild", "leaves with 0", "leaves with 1", "leaves with 2",
                                   "leaves with 3", "blunt"}}},
          .fidelity_unit = "rounds",
          .needs = {.cores = 1, .grace_s = 0.5},
          .identity = "1",
          .run = slope};
}

/// Counts ones: its measures and its parameters depend on an option. Its probe counts them too, and where
/// fragile is set dies of four.
class Ones final : public hone::Task {
 public:
  explicit Ones(const Options& options) : width_(options.integer("width")), options_(options) {
    if (width_ == 13) throw hone::Error("13 brings bad luck", options.place("width"), "take 12");
  }
  std::vector<hone::MeasureInfo> measures() const override {
    return {{"ones_of_" + std::to_string(width_), "how many"}};
  }
  std::string fidelity_unit() const override { return "looks"; }
  void check(const hone::Space& space) const override {
    if (static_cast<std::int64_t>(space.size()) != width_)
      throw hone::Error("the space needs as many flags as width says", space.parameter(0).place);
  }
  std::optional<std::string> unseen_by_probe(const hone::Config&) const override { return ""; }
  std::string prepare() const override {
    std::printf("preparing\n");
    return std::to_string(width_) + " flags to set";
  }

 private:
  std::int64_t width_;
  Options options_;
};

class OnesEvaluator final : public hone::Evaluator {
 public:
  OnesEvaluator(std::string measure, bool fragile) : measure_(std::move(measure)), fragile_(fragile) {}
  std::vector<double> probe(const hone::Config& config) override {
    double ones = 0;
    for (const auto& [name, value] : config.entries()) ones += std::get<bool>(value) ? 1 : 0;
    if (fragile_ && ones == 4) std::raise(SIGSEGV);
    return {ones};
  }
  Outcome run(const hone::Assignment& assignment, hone::Reporter&) override {
    double ones = 0;
    for (const auto& [name, value] : assignment.trial.config.entries()) ones += std::get<bool>(value) ? 1 : 0;
    return {.fidelity = assignment.to, .measures = {{measure_, ones}}};
  }

 private:
  std::string measure_;
  bool fragile_;
};

hone::OwnTask ones_task() {
  return {.name = "ones",
          .summary = "as few flags as possible",
          .options = {{.name = "width",
                       .type = OptionSpec::Type::integer,
                       .fallback = nullptr,
                       .summary = "how many flags",
                       .low = 1},
                      {.name = "fragile",
                       .type = OptionSpec::Type::flag,
                       .fallback = false,
                       .summary = "whether probes of four ones die"}},
          .make_task = [](const Options& options, const std::string&) -> std::shared_ptr<const hone::Task> {
            return std::make_shared<Ones>(options);
          },
          .make_evaluator = [](std::shared_ptr<const hone::Task> task, const Options& options,
                               const std::string&) -> std::unique_ptr<hone::Evaluator> {
            return std::make_unique<OnesEvaluator>(task->measures().front().name, options.flag("fragile"));
          }};
}

}  // namespace

int main(int argc, char** argv) { return hone::worker_main(argc, argv, {slope_task(), ones_task()}); }
