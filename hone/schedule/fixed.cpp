#include "hone/schedule/resting.h"
#include "hone/schedule/scheduler.h"

namespace hone::schedule {
namespace {

/// No early stopping: every trial runs to the same fidelity and is completed there. So do those that an
/// earlier scheduler of the study paused below it, the oldest first, before new ones.
class Fixed : public Scheduler {
 public:
  explicit Fixed(std::int64_t steps) : steps_(steps), resting_(steps) {}

  void update(const study::Change& change) override { resting_.update(change); }

  std::optional<Job> next(bool may_create) override {
    const auto job = resting_.next([this](std::int64_t units) { return affordable(units); });
    if (job || !may_create || !affordable(steps_)) return job;
    return Job{-1, steps_};
  }

  std::int64_t alike() const override { return std::numeric_limits<std::int64_t>::max(); }

  Verdict judge(const study::Trial&, std::int64_t) override { return Verdict::go_on; }

  study::TrialState reached(const study::Trial&, std::int64_t) const override {
    return study::TrialState::completed;
  }

  std::int64_t horizon() const override { return steps_; }
  std::vector<std::int64_t> rungs() const override { return {steps_}; }

 private:
  std::int64_t steps_;
  Resting resting_;
};

}  // namespace
}  // namespace hone::schedule

HONE_REGISTER(scheduler, fixed) {
  using namespace hone;
  registry.add("scheduler",
               MethodInfo{.name = "fixed",
                          .summary = "Runs every trial to one fidelity.",
                          .paper = "",
                          .options = {{.name = "steps",
                                       .type = OptionSpec::Type::integer,
                                       .fallback = 1,
                                       .summary = "fidelity that every trial runs to, in the task's unit; to "
                                                  "be given where the task counts one",
                                       .low = 1}},
                          .abilities = {.objectives = "several",
                                        .constraints = "ignored",
                                        .batch = "independent",
                                        .fidelity = "one",
                                        .ask = "O(1)",
                                        .trials = "any number"}},
               schedule::MakeScheduler([](const schedule::Problem&, const Options& options) {
                 return std::make_unique<schedule::Fixed>(options.integer("steps"));
               }));
}
