#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hone {

/// A 128-bit hash used as an identity: of a config, a structure, a function. All zero means "none".
struct Key {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const Key&) const = default;
  bool none() const { return high == 0 && low == 0; }
  std::string hex() const;                     ///< 32 lower-case hexadecimal digits
  static Key from_hex(std::string_view text);  ///< throws Error on anything else
};

/// Hash of bytes: XXH3, 128 bits. Stable over machines and versions of hone.
Key hash_key(std::string_view bytes);

/// Hashes a sequence of values into one Key. Every value is framed by its length or width, so that
/// ("ab", "c") and ("a", "bc") differ. Not thread safe.
class KeyBuilder {
 public:
  KeyBuilder& text(std::string_view value);
  KeyBuilder& integer(std::int64_t value);
  KeyBuilder& real(double value);  ///< by bits, with -0.0 taken as 0.0
  KeyBuilder& key(Key value);
  Key build() const;

 private:
  std::string bytes_;
};

}  // namespace hone

template <>
struct std::hash<hone::Key> {
  std::size_t operator()(const hone::Key& key) const noexcept { return key.low; }
};
