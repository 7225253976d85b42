#pragma once

#include <optional>
#include <unordered_set>

#include "hone/search/searcher.h"

namespace hone::search {

/// The configs that the study has, and the way out for a searcher whose proposals all are among them. Not
/// thread safe.
class Known {
 public:
  explicit Known(const space::Space& space) : space_(space) {}

  void update(const study::Change& change) {
    if (change.kind != study::Change::Kind::created) return;
    keys_.insert(change.trial->key.none() ? change.trial->config.key() : change.trial->key);
  }
  bool has(const space::Config& config) const { return keys_.contains(config.key()); }
  std::size_t size() const { return keys_.size(); }

  /// Whether a searcher should leave its own ways at this attempt.
  static bool gives_up(int attempt) { return attempt >= kOwnAttempts; }
  /// A config that the study does not have: in a space that can be gone through, nullopt where there is none;
  /// elsewhere a random one.
  std::optional<space::Config> other(Rng& rng) const {
    if (space_.is_enumerable())
      return space_.unseen(rng, [this](const space::Config& config) { return has(config); });
    return space_.sample(rng);
  }

 private:
  static constexpr int kOwnAttempts = 8;

  space::Space space_;
  std::unordered_set<Key> keys_;
};

}  // namespace hone::search
