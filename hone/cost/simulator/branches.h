#pragma once

#include <cstdint>
#include <vector>

#include "hone/cost/simulator/core.h"

namespace hone::cost::simulator {

/// Guesses conditional jumps by counters of two bits: by the jump's place (Smith, "A Study of Branch
/// Prediction Strategies", 1981), or by it and the latest jumps (gshare: McFarling, "Combining Branch
/// Predictors", 1993).
class BranchPredictor {
 public:
  explicit BranchPredictor(const Core& core)
      : kind_(static_cast<Predictor>(static_cast<int>(core.predictor))),
        history_mask_((std::uint64_t{1} << static_cast<unsigned>(core.history_bits)) - 1),
        counters_(static_cast<std::size_t>(core.predictor_entries), 2) {}

  /// Whether the guess was right; the counters learn.
  bool right(std::uint32_t place, bool taken) {
    if (kind_ == Predictor::perfect) return true;
    std::uint64_t at = place;
    if (kind_ == Predictor::gshare) at ^= history_ & history_mask_;
    std::uint8_t& counter = counters_[at % counters_.size()];
    const bool guess = counter >= 2;
    if (taken && counter < 3) ++counter;
    if (!taken && counter > 0) --counter;
    history_ = history_ << 1U | (taken ? 1U : 0U);
    return guess == taken;
  }

 private:
  Predictor kind_;
  std::uint64_t history_ = 0, history_mask_;
  std::vector<std::uint8_t> counters_;
};

}  // namespace hone::cost::simulator
