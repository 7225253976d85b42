#include "hone/base/key.h"

#include <bit>

#include <fmt/format.h>
#include <xxhash.h>

#include "hone/base/error.h"

namespace hone {

std::string Key::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

Key Key::from_hex(std::string_view text) {
  if (text.size() != 32) throw Error(fmt::format("'{}' is not a key of 32 hexadecimal digits", text));
  Key key;
  for (int half = 0; half < 2; ++half) {
    std::uint64_t word = 0;
    for (char c : text.substr(half * 16, 16)) {
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) throw Error(fmt::format("'{}' is not a key of 32 hexadecimal digits", text));
      word = word << 4 | static_cast<std::uint64_t>(digit);
    }
    (half == 0 ? key.high : key.low) = word;
  }
  return key;
}

Key hash_key(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

KeyBuilder& KeyBuilder::text(std::string_view value) {
  integer(static_cast<std::int64_t>(value.size()));
  bytes_.append(value);
  return *this;
}

KeyBuilder& KeyBuilder::integer(std::int64_t value) {
  auto word = static_cast<std::uint64_t>(value);
  for (int byte = 0; byte < 8; ++byte, word >>= 8) bytes_.push_back(static_cast<char>(word & 0xff));
  return *this;
}

KeyBuilder& KeyBuilder::real(double value) {
  return integer(std::bit_cast<std::int64_t>(value == 0.0 ? 0.0 : value));
}

KeyBuilder& KeyBuilder::key(Key value) {
  return integer(static_cast<std::int64_t>(value.high)).integer(static_cast<std::int64_t>(value.low));
}

Key KeyBuilder::build() const { return hash_key(bytes_); }

}  // namespace hone
