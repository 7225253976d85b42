#include "hone/schedule/one_fidelity.h"

#include <algorithm>

namespace hone::schedule {

std::optional<Scheduler::Job> OneFidelity::next(bool may_create) {
  const auto job = resting_.next([this](std::int64_t units) { return affordable(units); });
  if (job || !may_create || !affordable(steps_)) return job;
  return Job{-1, steps_};
}

StoppingRule::StoppingRule(const Options& options)
    : OneFidelity(options.integer("steps")),
      first_(options.integer("first")),
      every_(options.has("every") ? options.integer("every") : std::max<std::int64_t>(1, horizon() / 10)) {}

std::vector<std::int64_t> StoppingRule::watched() const {
  std::vector<std::int64_t> steps;
  for (std::int64_t step = every_; step < horizon(); step += every_) steps.push_back(step);
  return steps;
}

std::vector<OptionSpec> StoppingRule::options() {
  using Type = OptionSpec::Type;
  return {{.name = "steps",
           .type = Type::integer,
           .fallback = nullptr,
           .summary = "fidelity that a trial runs to where it is not stopped",
           .low = 1},
          {.name = "first",
           .type = Type::integer,
           .fallback = 1,
           .summary = "no trial is stopped before this fidelity",
           .low = 1},
          {.name = "every",
           .type = Type::integer,
           .fallback = nullptr,
           .summary = "a task that reports nothing by itself is measured at multiples of this; default: a "
                      "tenth of steps",
           .low = 1,
           .optional = true}};
}

}  // namespace hone::schedule
