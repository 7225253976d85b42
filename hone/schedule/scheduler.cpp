#include "hone/schedule/scheduler.h"

namespace hone::schedule {

std::unique_ptr<Scheduler> make_scheduler(const std::string& name, const Problem& problem,
                                          const Options& options, const Place& place) {
  return methods().maker<MakeScheduler>("scheduler", name, place)(problem, options);
}

std::unique_ptr<Scheduler> make_scheduler(const std::string& name, const Problem& problem,
                                          const Json& given) {
  return make_scheduler(name, problem, Options(methods().need("scheduler", name).info.options, given));
}

}  // namespace hone::schedule
