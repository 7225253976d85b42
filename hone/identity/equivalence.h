#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "hone/study/study.h"

namespace hone::identity {

/// What a study does when a candidate's function is known.
enum class Policy {
  off,    ///< every candidate is evaluated; keys are not computed
  reuse,  ///< a known candidate gets the known result
};
Policy policy_from_name(const std::string& name);  ///< throws Error
const std::vector<std::string>& policy_names();

/// The equivalence cache: quality under the functional key, cost under the structural key. A view of the
/// study; tell it every change. Not thread safe.
class EquivalenceCache {
 public:
  void update(const study::Change& change);

  /// The first trial with this functional key that was evaluated itself and has a result at `fidelity`.
  /// -1: none.
  std::int64_t known(Key functional, std::int64_t fidelity) const;
  /// The trial with this functional key that runs to `fidelity` or beyond by the oldest claim, if that is
  /// older than the one of `trial`; -1: none. A running trial claims its function when its keys become known,
  /// or when it is begun with keys known: the journal's order decides.
  std::int64_t claimant(Key functional, std::int64_t fidelity, std::int64_t trial) const;
  /// Costs measured for this structure; null: none yet.
  const study::Measures* costs(Key structural) const;

 private:
  struct Claim {
    std::int64_t trial = 0;
    std::int64_t fidelity = 0;
  };
  void claim(const study::Trial& trial);
  void drop_claim(const study::Trial& trial);

  std::unordered_map<Key, std::vector<std::int64_t>> by_function_;  // trials, as their keys became known
  std::unordered_map<Key, std::vector<Claim>> claims_;              // of running trials, the oldest first
  std::unordered_map<std::int64_t, std::vector<std::int64_t>> fidelities_;
  std::unordered_map<Key, study::Measures> costs_;
};

}  // namespace hone::identity
