#pragma once

#include <string>
#include <vector>

#include "hone/base/options.h"
#include "hone/space/space.h"

namespace hone::task {

/// A path of the study file, which counts from the file's folder.
std::string beside_study(const std::string& path, const std::string& folder);

/// The options of a task that may be searched instead: each is fixed in [task], a parameter of [space] with
/// its name, or its default.
class Searchable {
 public:
  /// `fixed`: options that say what is measured and how, and cannot be searched. `list`: the one that may be
  /// searched as a list, "" for none.
  Searchable(std::string task, std::vector<OptionSpec> specs, std::vector<std::string> fixed,
             std::string list = "");

  /// Checks that a parameter of the space (a list's entry by the list's name) is such an option, is not fixed
  /// by `given` as well, and that the option can take every value of it. Throws Error at its place.
  void check(const space::Parameter& parameter, const Options& given) const;

 private:
  std::string task_;
  std::vector<OptionSpec> specs_;  // that may be searched
  std::vector<std::string> names_, fixed_;
  std::string list_;
};

/// What holds for a config: its own values, else the options'. Both must outlive it.
class Chosen {
 public:
  Chosen(const space::Config& config, const Options& options) : config_(config), options_(options) {}
  double real(const char* name) const { return config_.has(name) ? config_.real(name) : options_.real(name); }
  int integer(const char* name) const {
    return static_cast<int>(config_.has(name) ? config_.integer(name) : options_.integer(name));
  }
  std::string text(const char* name) const {
    return config_.has(name) ? config_.text(name) : options_.text(name);
  }
  bool flag(const char* name) const { return config_.has(name) ? config_.flag(name) : options_.flag(name); }

 private:
  const space::Config& config_;
  const Options& options_;
};

}  // namespace hone::task
