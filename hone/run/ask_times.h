#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hone/run/peer.h"

namespace hone::run {

/// What a proposal takes on a study that already holds n finished trials: milliseconds of an ask with its
/// tell, the median of some, of hone's searcher through the whole engine with its journal in memory and of
/// peers by their own clock.
struct AskTime {
  std::string problem;    ///< "16 parameters", "2 objectives"
  std::string method;     ///< what is compared: "tpe"
  std::string contender;  ///< "tpe", "peer:optuna_tpe"
  std::string version;
  std::int64_t n = 0;
  double ms = 0.0;
  std::string lacks = {};  ///< why there is no figure
  Json json() const;
};

struct AskTimesOptions {
  std::vector<PeerMethod> peers;
  std::vector<std::string> methods;  ///< of those that hone has; empty: all that are compared
  std::int64_t most = 100000;        ///< no larger studies
  std::function<bool()> interrupted = {};
  std::function<void(const AskTime&)> done = {};  ///< called with each figure as it is there
};

/// TPE on 16 mixed parameters (1,000, 10,000 and 100,000 trials; peers up to 10,000), a Gaussian process on
/// 10 reals (50 to 500), random search on 6 mixed parameters, NSGA-II on two objectives. What hone does not
/// have is left out.
std::vector<AskTime> ask_times(const AskTimesOptions& options);

/// For people, with ratios to hone.
std::string ask_times_text(const std::vector<AskTime>& times);

}  // namespace hone::run
