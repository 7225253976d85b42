#include "hone/task/task.h"

namespace hone::task {

std::shared_ptr<const Task> make_task(const std::string& kind, const Options& options,
                                      const std::string& folder, const Place& place) {
  return methods().maker<MakeTask>("task", kind, place)(options, folder);
}

}  // namespace hone::task
