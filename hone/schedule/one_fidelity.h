#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "hone/schedule/resting.h"
#include "hone/schedule/scheduler.h"

namespace hone::schedule {

/// A scheduler whose trials all run to one fidelity and are completed there, unless judge stops them on their
/// way. So do those that an earlier scheduler of the study paused below it, the oldest first, before new
/// ones.
class OneFidelity : public Scheduler {
 public:
  void update(const study::Change& change) override { resting_.update(change); }
  std::optional<Job> next(bool may_create) override;
  std::int64_t alike() const override { return std::numeric_limits<std::int64_t>::max(); }
  /// Below the horizon an earlier scheduler sent it: it goes on as those do that rest there.
  study::TrialState reached(const study::Trial&, std::int64_t fidelity) const override {
    return fidelity >= steps_ ? study::TrialState::completed : study::TrialState::paused;
  }
  std::int64_t horizon() const override { return steps_; }
  std::vector<std::int64_t> rungs() const override { return {steps_}; }

 protected:
  explicit OneFidelity(std::int64_t steps) : steps_(steps), resting_(steps) {}

 private:
  std::int64_t steps_;
  Resting resting_;
};

/// One that stops trials by what they report on their way: options `steps`, `first` and `every`.
class StoppingRule : public OneFidelity {
 public:
  std::vector<std::int64_t> watched() const override;
  /// What one comes to decides how far the next runs.
  std::int64_t alike() const override { return 1; }
  static std::vector<OptionSpec> options();

 protected:
  explicit StoppingRule(const Options& options);
  /// Whether a trial may be stopped at this fidelity.
  bool begins_at(std::int64_t fidelity) const { return fidelity >= first_; }

 private:
  std::int64_t first_, every_;
};

}  // namespace hone::schedule
