#include "hone/identity/signature.h"

#include <bit>
#include <cmath>
#include <cstdint>

#include "hone/base/error.h"

namespace hone::identity {

std::optional<Key> functional_key(const std::vector<double>& probe, const std::string& literal,
                                  int mantissa_bits) {
  if (mantissa_bits < 1 || mantissa_bits > 52) throw internal_error("mantissa bits go from 1 to 52");
  if (probe.empty()) return std::nullopt;
  const std::uint64_t mask = ~((std::uint64_t{1} << (52 - mantissa_bits)) - 1);
  KeyBuilder builder;
  builder.text("function 1")
      .text(literal)
      .integer(mantissa_bits)
      .integer(static_cast<std::int64_t>(probe.size()));
  for (double value : probe) {
    if (!std::isfinite(value)) return std::nullopt;
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(value == 0.0 ? 0.0 : value) & mask;
    builder.integer(static_cast<std::int64_t>(bits));
  }
  return builder.build();
}

}  // namespace hone::identity
