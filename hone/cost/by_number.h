#pragma once

#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

namespace hone::cost {

/// A map from whole numbers that lie close together, as values of one function do (those below 0, which stand
/// for what the text does not name, among themselves): looking one up is two loads. It takes as much memory
/// as the numbers lie apart. Iterators are pointers and end with the next key that is added.
template <class T>
class ByNumber {
 public:
  using Entry = std::pair<int, T>;

  const Entry* begin() const { return entries_.data(); }
  const Entry* end() const { return entries_.data() + entries_.size(); }
  Entry* begin() { return entries_.data(); }
  Entry* end() { return entries_.data() + entries_.size(); }
  const Entry* find(int key) const {
    const Side& side = sides_[key < 0 ? 1 : 0];
    const std::size_t k = side.place(key);
    return k < side.entry.size() && side.entry[k] != kNowhere ? entries_.data() + side.entry[k] : end();
  }
  bool contains(int key) const { return find(key) != end(); }
  std::size_t count(int key) const { return contains(key) ? 1 : 0; }
  const T& at(int key) const {
    const Entry* found = find(key);
    if (found == end()) throw std::out_of_range("no such number");
    return found->second;
  }

  T& operator[](int key) {
    Side& side = sides_[key < 0 ? 1 : 0];
    if (side.entry.empty()) side.first = key;
    const std::size_t k = side.place(key);
    if (k >= side.entry.size()) side.entry.resize(k + 1, kNowhere);
    if (side.entry[k] == kNowhere) {
      side.entry[k] = entries_.size();
      entries_.emplace_back(key, T());
    }
    return entries_[side.entry[k]].second;
  }
  void clear() {
    for (const Entry& entry : entries_) where(entry.first) = kNowhere;
    entries_.clear();
  }
  template <class Condition>
  void erase_if(const Condition& condition) {
    for (const Entry& entry : entries_) where(entry.first) = kNowhere;
    std::erase_if(entries_, condition);
    for (std::size_t i = 0; i < entries_.size(); ++i) where(entries_[i].first) = i;
  }

 private:
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  /// Keys of one sign, by how far they are from the first that came: 0, -1, 1, -2, ... in a row.
  struct Side {
    int first = 0;
    std::vector<std::size_t> entry;

    std::size_t place(int key) const {
      const int apart = key - first;
      return apart >= 0 ? 2 * static_cast<std::size_t>(apart)
                        : 2 * static_cast<std::size_t>(-(apart + 1)) + 1;
    }
  };
  /// Of a key that is there.
  std::size_t& where(int key) {
    Side& side = sides_[key < 0 ? 1 : 0];
    return side.entry[side.place(key)];
  }

  Side sides_[2];               ///< from 0 on, below
  std::vector<Entry> entries_;  ///< in the order in which they were added
};

}  // namespace hone::cost
