#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hone/label/tuner.h"

namespace hone::label {

/// A candidate that was quicker than the original in the search.
struct Finalist {
  double seconds = 0.0;  ///< as the search measured it
  std::string text, recipe;
  std::unique_ptr<Program> program;
};

/// The quickest candidates of a search, from which one is chosen that is faster than the original for
/// certain.
class Finalists {
 public:
  /// Keeps it where it is among the three quickest.
  void add(Finalist finalist);

  /// Compares them with the original, the quickest first, on other random inputs and then in pairs of calls,
  /// until one takes less than 98% of its time: each one that does not is taken for such with a probability
  /// of 0.5% at most, whatever disturbs the machine. Writes the result's times, its text and recipe where one
  /// was found; otherwise into its note what was seen. `work` is memory for a call; its values change.
  /// Interrupted, it ends the comparison it is at, or the first one, within the time that ten pairs should
  /// take, a second at least and 20 s at most, and takes what is sure by then.
  void decide(const Program& original, Memory& work, const TuneOptions& options, TuneResult& result) const;

 private:
  std::vector<Finalist> finalists_;  ///< the quickest first
};

}  // namespace hone::label
