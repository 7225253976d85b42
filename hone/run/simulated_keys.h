#pragma once

#include <cstddef>
#include <string>

#include "hone/identity/policy.h"
#include "hone/identity/recent.h"
#include "hone/run/suite.h"
#include "hone/study/trial.h"

namespace hone::run {

/// What a problem tells of a config before it is evaluated: its keys and costs. Remembers the last kMost. For
/// the simulator only. Not thread safe.
class SimulatedKeys {
 public:
  static constexpr std::size_t kMost = 100'000;

  /// `problem` must outlive it.
  SimulatedKeys(const Problem& problem, const identity::Settings& settings);

  /// Without costs.
  study::Keys keys(const space::Config& config);
  study::Measures costs(const space::Config& config) const { return problem_.benchmark()->costs(config); }
  /// The first limit that the costs alone break, in words; "" where they keep all.
  std::string broken_limit(const study::Measures& costs) const;

 private:
  const Problem& problem_;
  identity::Quantisation quantisation_;
  identity::Recent<study::Keys> known_;
};

}  // namespace hone::run
