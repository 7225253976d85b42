#pragma once

#include <string>
#include <vector>

#include "command.h"

namespace hone::cli {

/// A design of a study as a command's user chooses it: by values, as a JSON object, or a trial's.
struct GivenDesign {
  std::string file, store, config;
  std::vector<std::string> words;
  std::int64_t trial = -1;

  /// VALUES, --config, --trial and --store. They go into this object, which must outlive the command.
  void add_to(CLI::App& command);
  /// Whether the user chose one.
  bool chosen() const { return trial >= 0 || !config.empty() || !words.empty(); }
  /// The one that was chosen, else the study's defaults and first values. A trial's is fitted to the space of
  /// `study` where that has changed since in a way that can be followed, else it is as it was tried. Throws
  /// Error on values and trials that are not there.
  space::Config of(const run::StudyFile& study) const;
};

}  // namespace hone::cli
