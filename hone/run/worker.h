#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hone/run/optimizer.h"
#include "hone/run/study_file.h"

namespace hone::run {

struct WorkerOptions {
  std::string name = "w0";
  std::string search = {};                     ///< whose worker it is: see Optimizer::Setup::search
  std::optional<std::int64_t> max_trials;      ///< instead of the study file's; 0: no bound
  std::optional<std::int64_t> max_steps = {};  ///< likewise
  /// Whether to save, give the running trial back and return. Asked at every step of an evaluation.
  std::function<bool()> interrupted;
  double lease_s = 60.0;
  std::optional<std::int64_t> revision = {};  ///< of the study when its file was read
  std::vector<int> cores = {};                ///< what this worker's trials may use; empty: any
  std::vector<std::string> gpus = {};         ///< as CUDA_VISIBLE_DEVICES names them
};

/// The loop of one worker: ask, recognise, cost, run, tell, until the study is finished or it is interrupted.
/// The only place where a trial's way through the house is walked. Throws Error where the store is lost, or
/// where the data is not what the study began with.
enum class WorkEnd {
  finished,  ///< the study is: nothing is left to do
  stopped,   ///< interrupted
  revised,   ///< the study goes on with another study file, which must be read first
};
WorkEnd work(const StudyFile& file, std::shared_ptr<study::Store> store, task::Evaluator& evaluator,
             const WorkerOptions& options);

/// Opens a store, reads the study file that its journal holds, makes the task's evaluator and works; again
/// where the study is revised meanwhile. What a worker process does; installs handlers for SIGTERM and
/// SIGINT. path: where the study file is (it may have moved); "": where it was when the study began.
WorkEnd work_on(const std::string& store_url, const std::string& path, const WorkerOptions& options);

/// The setup of an optimizer for this study.
Optimizer::Setup setup_of(const StudyFile& file, const std::string& worker);

/// The study file as the journal holds it, with what was revised, at its path now ("": as it was).
StudyFile study_file_of(const study::Study& study, const std::string& path = {});
StudyFile study_file_of(std::shared_ptr<study::Store> store, const std::string& path = {});

/// A study to look at, read up to now, and its file as the journal holds it. Where it was revised, configs of
/// earlier versions of the space are ones of the present (Space::adopt), as they are for the search.
struct OpenedStudy {
  StudyFile file;
  std::unique_ptr<study::Study> study;
};
OpenedStudy open_study_of(std::shared_ptr<study::Store> store, study::Study::Depth depth,
                          const std::string& path = {});

/// The folder for what belongs to a store's study (checkpoints, logs, models): STUDY.hone, or beside a store
/// that the user put elsewhere STORE.files; "" for a store in memory.
std::string folder_of(const study::Store& store);
std::string checkpoint_path(const study::Store& store, std::int64_t trial);
/// The trial's own folder: what it printed, and what its program keeps. "" for a store in memory.
std::string trial_folder(const study::Store& store, std::int64_t trial);

}  // namespace hone::run
