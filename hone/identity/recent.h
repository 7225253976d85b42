#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

#include "hone/base/key.h"

namespace hone::identity {

/// A map of at most `most` entries: a further one drives out the one that was touched least recently. O(1) a
/// call. Which one goes depends on the calls alone. Not thread safe.
template <class Value>
class Recent {
 public:
  explicit Recent(std::size_t most) : most_(most) {}

  /// Null: not there (any more). Does not count as a touch. Valid until the next touch of another key.
  const Value* find(Key key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second->second;
  }
  Value* find(Key key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

  /// The entry, made where it was not there; now the last to go. `keep` tells entries that may not go yet:
  /// they stay over the bound.
  template <class Keep>
  Value& touch(Key key, const Keep& keep) {
    const auto found = entries_.find(key);
    if (found != entries_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return found->second->second;
    }
    order_.emplace_front(key, Value{});
    entries_.emplace(key, order_.begin());
    for (auto last = order_.end(); entries_.size() > most_ && --last != order_.begin();) {
      if (keep(last->second)) continue;
      entries_.erase(last->first);
      last = order_.erase(last);
    }
    return order_.front().second;
  }
  Value& touch(Key key) {
    return touch(key, [](const Value&) { return false; });
  }
  void erase(Key key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    order_.erase(found->second);
    entries_.erase(found);
  }
  std::size_t size() const { return entries_.size(); }

 private:
  using Order = std::list<std::pair<Key, Value>>;
  std::size_t most_;
  Order order_;  // the most recent first
  std::unordered_map<Key, typename Order::iterator> entries_;
};

}  // namespace hone::identity
