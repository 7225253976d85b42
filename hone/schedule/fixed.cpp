#include "hone/schedule/one_fidelity.h"

namespace hone::schedule {
namespace {

/// No early stopping: every trial runs to the same fidelity.
class Fixed : public OneFidelity {
 public:
  explicit Fixed(std::int64_t steps) : OneFidelity(steps) {}
  Verdict judge(const study::Trial&, std::int64_t) override { return Verdict::go_on; }
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
