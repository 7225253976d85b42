#include "hone/cost/mlir/short_copy.h"

#include <bit>
#include <cmath>

namespace hone::cost::mlir {
namespace {

/// Instructions that a copy or a clearing is at most (X86's MaxStoresPerMemcpy and MaxStoresPerMemset);
/// beyond it is a call.
constexpr double kMostCopied = 8.0, kMostCleared = 16.0;
constexpr double kWholeBytes = 8.0;  // of a register of whole numbers

}  // namespace

ShortCopy short_copy(const Nest& nest, const Lowered& lowered, int loop,
                     const std::vector<std::size_t>& items) {
  const Nest::Loop& one = nest.loops[static_cast<std::size_t>(loop)];
  ShortCopy copy;
  if (!one.known || !lowered.body(loop).fixed) return copy;
  double bytes = 0.0;
  bool loads = false;
  for (const std::size_t i : items) {
    const Lowered::Item& item = lowered.items[i];
    if (item.access < 0) continue;
    const Nest::Access& access = nest.accesses[static_cast<std::size_t>(item.access)];
    loads = loads || !access.store;
    if (access.store) bytes = one.trips * std::abs(item.stride) * access.bits / 8.0;
  }
  const double vector = lowered.target.vector_bytes, whole = std::floor(bytes / vector);
  const double left_over = bytes - whole * vector;
  // The last one may begin inside the one before it.
  const bool power = std::has_single_bit(static_cast<unsigned>(left_over));
  const double last = left_over == 0.0 ? 0.0 : whole > 0.0 || power ? 1.0 : 2.0;
  if (!(bytes > 0.0) || whole + last > (loads ? kMostCopied : kMostCleared)) return copy;
  copy.stores = whole + last;
  copy.loads = loads ? copy.stores : 0.0;
  copy.vectors = (whole + (left_over > kWholeBytes ? last : 0.0)) * (loads ? 2.0 : 1.0);
  return copy;
}

}  // namespace hone::cost::mlir
