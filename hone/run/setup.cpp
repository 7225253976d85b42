// How a study file becomes an optimizer's setup, and where its things lie.
#include <filesystem>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/run/candidate.h"
#include "hone/run/worker.h"

namespace hone::run {

Optimizer::Setup setup_of(const StudyFile& file, const std::string& worker) {
  Optimizer::Setup setup;
  setup.name = file.name;
  setup.space = file.space;
  setup.objectives = file.objectives;
  setup.seed = file.seed;
  setup.searcher = file.searcher;
  setup.searcher_options = file.searcher_options.json();
  setup.scheduler = file.scheduler;
  setup.scheduler_options = file.scheduler_options.json();
  setup.cost = file.cost;
  setup.prior = file.prior;
  setup.first = file.first;
  setup.max_trials = file.budget.trials;
  setup.max_proposals = file.budget.proposals;
  setup.max_steps = file.budget.steps;
  setup.max_spend = file.budget.spend;
  setup.limits = file.limits;
  setup.replicates = file.replicates;
  setup.aggregate = file.aggregate;
  setup.identity = file.identity;
  setup.by_structure = only_training_tells(file);
  setup.worker = worker;
  return setup;
}

StudyFile study_file_of(const study::Study& study, const std::string& path) {
  const study::StudyRecord& header = study.header();
  if (header.text.empty())
    throw Error("this study was made by a program, not from a study file", Place{study.store().url(), 0, ""});
  return StudyFile::parse(header.text, path.empty() ? header.file : path, StudyFile::Source::journal);
}

StudyFile study_file_of(std::shared_ptr<study::Store> store, const std::string& path) {
  study::Study study(std::move(store), study::Study::Depth::light);
  study.sync();
  return study_file_of(study, path);
}

OpenedStudy open_study_of(std::shared_ptr<study::Store> store, study::Study::Depth depth,
                          const std::string& path) {
  using study::Study;
  OpenedStudy opened;
  opened.study = std::make_unique<Study>(store, Study::Depth::light);
  opened.study->sync();
  opened.file = study_file_of(*opened.study, path);
  const bool revised = opened.study->revision() > 0;
  if (!revised && depth == Study::Depth::light) return opened;
  opened.study = std::make_unique<Study>(std::move(store), depth);
  if (revised)
    opened.study->adopt_with(
        [space = opened.file.space](const space::Config& config) { return space.adopt(config); });
  opened.study->sync();
  return opened;
}

std::string folder_of(const study::Store& store) {
  const std::string url = store.url();
  if (!url.starts_with("sqlite:")) return "";
  const std::filesystem::path path = std::filesystem::absolute(url.substr(7)).lexically_normal();
  const std::filesystem::path folder = path.parent_path();
  return folder.extension() == ".hone" ? folder.string() : path.string() + ".files";
}

std::string checkpoint_path(const study::Store& store, std::int64_t trial) {
  const std::string folder = folder_of(store);
  return folder.empty() ? "" : fmt::format("{}/checkpoints/trial-{}.ckpt", folder, trial);
}

std::string trial_folder(const study::Store& store, std::int64_t trial) {
  const std::string folder = folder_of(store);
  return folder.empty() ? "" : fmt::format("{}/trials/{}", folder, trial);
}

}  // namespace hone::run
