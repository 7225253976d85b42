#pragma once

#include <functional>
#include <string>

#include <sys/types.h>

#include "hone/base/error.h"
#include "hone/base/json.h"
#include "hone/base/numbers.h"
#include "hone/graph/graph.h"

namespace hone::run {

/// What a device answered to one design.
struct RunnerResult {
  double seconds = 0.0;
  double spread = 0.0;
  std::int64_t repeats = 0;
  bool disturbed = false;
  std::string engine;
  double energy_j = kNaN;   ///< NaN: the device does not say
  std::string energy_from;  ///< "RAPL: ..", "modelled: .."
};

struct RunnerOptions {
  double hello_s = 30.0;     ///< how long it may take to answer at all
  double measure_s = 120.0;  ///< and to measure one design
  std::int64_t repeats = 10;
  double seconds = 5.0;  ///< of measuring a design, at most
  std::function<bool()> interrupted = {};
};

/// A runner at the other end of a pipe (see runner.h): a command that is started here, by ssh or any other
/// way to a phone or board. Its standard error is kept for messages. Ends with this object. Not thread safe.
class RemoteRunner {
 public:
  /// The command that `on` stands for: "ssh -o BatchMode=yes HOST hone cost runner" for a host's name,
  /// user@host, with `options` behind it; anything with a space or a slash, and the name of a program on
  /// PATH, as it is.
  static std::string command_of(const std::string& on, const std::string& options = {});

  /// Starts `command` by the shell and greets it. Throws Error (environment) where it ends, says nothing in
  /// time, or speaks something else. Lines before its greeting that are no JSON are skipped: a login's words.
  RemoteRunner(std::string command, RunnerOptions options);
  ~RemoteRunner();
  RemoteRunner(const RemoteRunner&) = delete;
  RemoteRunner& operator=(const RemoteRunner&) = delete;

  const Json& device() const { return device_; }  ///< as it described itself

  /// Measures a design. Throws Error (input) where the device says that it cannot; the runner goes on.
  /// Throws Error (environment) where it is gone, silent for too long or answers nonsense; alive() is then
  /// false and nothing more can be asked.
  RunnerResult measure(const graph::Graph& graph);
  /// The same of a function in MLIR.
  RunnerResult measure_mlir(const std::string& text);
  bool alive() const { return pid_ > 0; }

 private:
  RunnerResult measure(const char* kind, Json what);
  void send(const Json& message);
  /// The next line; throws as measure() does.
  std::string line(double limit_s, const std::string& what);
  Error gone(const std::string& what);
  void stop();

  std::string command_;
  RunnerOptions options_;
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1, errors_ = -1;
  std::string pending_, said_;  // not yet read as lines; the end of its standard error
  std::int64_t id_ = 0;
  Json device_, accepts_;
};

}  // namespace hone::run
