#include "hone/run/checkpoints.h"

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "hone/run/posterior.h"
#include "hone/run/worker.h"

namespace hone::run {

std::string checkpoint_folder(const study::Store& store, std::int64_t trial) {
  const std::string folder = trial_folder(store, trial);
  return folder.empty() ? "" : folder + "/checkpoint";
}

std::set<std::int64_t> models_of_front(const study::Study& study, const StudyFile& file) {
  std::set<std::int64_t> models;
  for (const study::Front& front : {study.front(), shown_front(study, file)})
    for (const auto& member : front.members()) {
      models.insert(member.trial);
      if (const std::int64_t twin = study.trial(member.trial).same_as; twin >= 0) models.insert(twin);
    }
  return models;
}

void collect_checkpoints(const Optimizer& optimizer, const StudyFile& file, std::set<std::int64_t>& own) {
  const study::Study& study = optimizer.study();
  if (folder_of(study.store()).empty()) return;
  // Once a second is asked, and the models are looked for only where there is something to collect.
  std::optional<std::set<std::int64_t>> models;
  const auto wanted = [&](std::int64_t id) {
    if (optimizer.scheduler().resumable(study.trial(id))) return true;
    if (!models) models = models_of_front(study, file);
    return models->contains(id);
  };
  const std::filesystem::path folder = std::filesystem::path(folder_of(study.store())) / "checkpoints";
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("trial-") || !name.ends_with(".ckpt")) continue;
    const std::int64_t id = std::atoll(name.c_str() + 6);
    if (id >= 0 && id < study.size() && !wanted(id)) std::filesystem::remove(entry.path(), code);
  }
  std::erase_if(own, [&](std::int64_t id) {
    if (wanted(id)) return false;
    const std::filesystem::path checkpoint = checkpoint_folder(study.store(), id);
    std::filesystem::remove_all(checkpoint, code);
    std::filesystem::remove(checkpoint.parent_path() / "hone-parts.json", code);
    return true;
  });
}

std::set<std::int64_t> trials_with_folder(const study::Study& study) {
  std::set<std::int64_t> found;
  std::error_code code;
  const auto folder = std::filesystem::path(folder_of(study.store())) / "trials";
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    const std::int64_t id = std::atoll(entry.path().filename().c_str());
    if (id >= 0 && id < study.size() && std::filesystem::exists(entry.path() / "checkpoint", code))
      found.insert(id);
  }
  return found;
}

}  // namespace hone::run
