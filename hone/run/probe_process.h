#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "hone/space/config.h"

namespace hone::run {

/// What a probe gave: floats and what they do not see, or why there are none.
struct ProbeAnswer {
  std::vector<double> floats;
  std::string failure;
  std::string literal;
};

/// A process of a worker's program that probes its share of the configs (serve_probes), and another where it
/// dies: the config at which it died has a failure. Dies with this object. Not thread safe.
class ProbeProcess {
 public:
  /// `files`: the beginning of the paths of its own files.
  ProbeProcess(std::string program, std::string study_file, std::string files);
  ~ProbeProcess() { stop(); }
  ProbeProcess(const ProbeProcess&) = delete;
  ProbeProcess& operator=(const ProbeProcess&) = delete;

  void add(std::size_t index, const space::Config& config);  ///< before the first turn

  using Heard = std::function<void(std::size_t index, const ProbeAnswer&)>;
  /// Starts it, or hears what has come since. false: all is answered. Throws Error where it cannot start, or
  /// dies again and again without an answer.
  bool turn(const Heard& heard);

 private:
  void start();
  void read(const Heard& heard);
  void died(const Heard& heard, int status);
  void stop();

  std::string program_, study_, base_;
  std::map<std::string, std::string> environment_;
  std::vector<std::string> lines_;
  std::vector<std::size_t> indices_;
  std::size_t answered_ = 0, before_ = 0;
  std::uintmax_t read_ = 0;
  std::string rest_;
  pid_t pid_ = -1;
  int deaths_ = 0;
};

}  // namespace hone::run
