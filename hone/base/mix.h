#pragma once

#include <bit>
#include <concepts>
#include <cstdint>

namespace hone {

/// The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014): one to one, and every bit of the result depends on every bit of the hash.
constexpr std::uint64_t finalised(std::uint64_t hash) {
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31U);
}

/// A hash of what a hash stands for and one value more, in this order; not for identities that are kept
/// (Key). What differs in it differs but for collisions of 64 bits.
template <std::integral Value>
constexpr std::uint64_t mixed(std::uint64_t hash, Value value) {
  return finalised((hash ^ (hash >> 32U)) * 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(value));
}

/// By its bits, with -0.0 taken as 0.0.
constexpr std::uint64_t mixed(std::uint64_t hash, double value) {
  return mixed(hash, std::bit_cast<std::uint64_t>(value + 0.0));
}

/// A whole number that a real is, to calculate with modulo 2^64; of others something.
constexpr std::uint64_t modulo(double value) {
  return value > -9e18 && value < 9e18 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value))
                                       : mixed(1, value);
}

}  // namespace hone
