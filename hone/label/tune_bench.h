#pragma once

#include <map>
#include <memory>
#include <string>

#include "hone/base/numbers.h"
#include "hone/label/finalists.h"
#include "hone/label/tuner.h"

namespace hone::label {

/// Where a search's candidates are compiled, run and timed beside the original. What the compiler makes of a
/// text is known after the first time. Not thread safe.
class TuneBench {
 public:
  /// A candidate that takes so many times as long as the quickest one need not be timed well.
  static constexpr double kHopeless = 3.0;

  /// All must outlive it; what is compiled and run goes into the result's trials.
  TuneBench(const Frontend& frontend, const Backend& backend, const std::string& file,
            const TuneOptions& options, TuneResult& result)
      : frontend_(frontend), backend_(backend), file_(file), options_(options), result_(result) {}

  /// The original comes first. False: interrupted before it was timed. Throws Error where it cannot be
  /// compiled or called.
  bool take_original(const std::string& given);
  struct Timed {
    double seconds = kInfinity;  ///< infinite where it does not count
    bool different = false;      ///< its outputs are not the original's, which was not known before
  };
  /// `trial` says what was done and what is predicted.
  Timed take(const std::string& text, TuneTrial trial);
  /// The least seconds so far, the original's among them.
  double best_seconds() const { return best_seconds_; }
  /// Finalists::decide.
  void decide() { finalists_.decide(*program_, *work_, options_, result_); }

 private:
  double time(const Program& program);

  const Frontend& frontend_;
  const Backend& backend_;
  const std::string& file_;
  const TuneOptions& options_;
  TuneResult& result_;
  std::unique_ptr<Program> program_;
  std::unique_ptr<Memory> expected_, work_;
  std::map<std::string, double> texts_;  ///< seconds of what was compiled, infinite where it does not count
  Finalists finalists_;
  double best_seconds_ = kInfinity;
};

}  // namespace hone::label
