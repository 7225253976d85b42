#pragma once

#include <cstddef>
#include <span>

// GCC 12 thinks that copies read what is in a vector's own place beyond its end, there where they are of one
// that has more than that on the heap.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstringop-overread"  // Boost's copies, falsely
#include <boost/container/flat_map.hpp>
#include <boost/container/small_vector.hpp>
#pragma GCC diagnostic pop

namespace hone::cost {

/// A vector and a sorted map of what mostly are few, without a place on the heap until they are more than N.
template <class T, std::size_t N = 4>
using Few = boost::container::small_vector<T, N>;
template <class Key, class T, std::size_t N = 6>
using FewByKey = boost::container::small_flat_map<Key, T, N>;

/// All of them, or those from one on.
template <class T, std::size_t N>
std::span<const T> span_of(const Few<T, N>& few, std::size_t from = 0) {
  return std::span<const T>(few.data(), few.size()).subspan(from);
}

/// Numbers that say together what is the same.
using NumberKey = Few<double, 8>;

}  // namespace hone::cost
