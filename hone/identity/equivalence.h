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
  /// All trials with this functional key, in the order in which their keys became known.
  const std::vector<std::int64_t>& members(Key functional) const;
  /// Costs measured for this structure; null: none yet.
  const study::Measures* costs(Key structural) const;

 private:
  std::unordered_map<Key, std::vector<std::int64_t>> by_function_;  // trials, as their keys became known
  std::unordered_map<std::int64_t, std::vector<std::int64_t>> fidelities_;
  std::unordered_map<Key, study::Measures> costs_;
};

}  // namespace hone::identity
