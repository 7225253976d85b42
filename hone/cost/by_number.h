#pragma once

#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

namespace hone::cost {

/// A map from whole numbers near 0, of which nearly all are there, as values of a function are (those below 0
/// stand for what the text does not name): looking one up is two loads. Iterators are pointers and end with
/// the next key that is added.
template <class T>
class ByNumber {
 public:
  using Entry = std::pair<int, T>;

  const Entry* begin() const { return entries_.data(); }
  const Entry* end() const { return entries_.data() + entries_.size(); }
  Entry* begin() { return entries_.data(); }
  Entry* end() { return entries_.data() + entries_.size(); }
  const Entry* find(int key) const {
    const std::size_t k = place(key);
    return k < place_.size() && place_[k] != kNowhere ? entries_.data() + place_[k] : end();
  }
  bool contains(int key) const { return find(key) != end(); }
  std::size_t count(int key) const { return contains(key) ? 1 : 0; }
  std::size_t size() const { return entries_.size(); }
  const T& at(int key) const {
    const Entry* found = find(key);
    if (found == end()) throw std::out_of_range("no such number");
    return found->second;
  }

  T& operator[](int key) {
    const std::size_t k = place(key);
    if (k >= place_.size()) place_.resize(k + 1, kNowhere);
    if (place_[k] == kNowhere) {
      place_[k] = entries_.size();
      entries_.emplace_back(key, T());
    }
    return entries_[place_[k]].second;
  }
  void clear() {
    for (const Entry& entry : entries_) place_[place(entry.first)] = kNowhere;
    entries_.clear();
  }
  template <class Condition>
  void erase_if(const Condition& condition) {
    std::erase_if(entries_, condition);
    place_.assign(place_.size(), kNowhere);
    for (std::size_t i = 0; i < entries_.size(); ++i) place_[place(entries_[i].first)] = i;
  }

 private:
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  /// 0, -1, 1, -2, ... in a row.
  static std::size_t place(int key) {
    return key >= 0 ? 2 * static_cast<std::size_t>(key) : 2 * static_cast<std::size_t>(-(key + 1)) + 1;
  }

  std::vector<std::size_t> place_;  ///< by place() of a key: its entry
  std::vector<Entry> entries_;      ///< in the order in which they were added
};

}  // namespace hone::cost
