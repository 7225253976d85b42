#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hone/run/worker.h"

namespace hone::run {

/// What a worker process is told on its command line: PROGRAM worker --store URL ... A plain value.
struct WorkerArguments {
  std::string store;
  std::string file;  ///< where the study file is, if it moved; "": where it was
  WorkerOptions options;
};

/// One of the flags, each of which takes a value.
struct WorkerFlag {
  std::string name;  ///< "--store"
  std::string summary;
  bool required = false;
  /// Throws Error where the text is no value of it.
  std::function<void(WorkerArguments&, const std::string& text)> read;
};

/// The flags that `hone worker`, `hone-worker worker` and every program of worker_main take.
const std::vector<WorkerFlag>& worker_flags();

/// Reads "--flag value ..." (also "--flag=value"); the last one of a name counts. Throws Error on anything
/// else, naming the flag that was meant.
WorkerArguments read_worker_arguments(const std::vector<std::string>& words);

/// Works as told. Returns the process's exit status: 0 the study is finished, 3 stopped before. Throws Error.
int work_as_told(const WorkerArguments& arguments);

}  // namespace hone::run
