#include "hone/label/translated_pages.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

#include "hone/base/clock.h"
#include "hone/base/rng.h"

namespace hone::label {
namespace {

constexpr std::size_t kPage = 4096, kLine = 64, kFewest = 256, kMost = 16384;
constexpr int kSteps = 20000, kRounds = 7;
constexpr double kNothing_s = 1e-9;  // a step

/// Seconds of a step of a chase through so many lines in a random order, `apart` bytes apart; those of pages
/// lie at different places within them, so that they do not share sets.
double chase(std::byte* room, std::size_t lines, std::size_t apart) {
  std::vector<std::size_t> order(lines);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(1, "pages", lines);
  for (std::size_t i = lines; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  const auto place = [&](std::size_t line) {
    return reinterpret_cast<void**>(room + line * apart +
                                    (apart > kLine ? line * 37 % (apart / kLine) * kLine : 0));
  };
  for (std::size_t i = 0; i < lines; ++i) *place(order[i]) = place(order[(i + 1) % lines]);
  double best = 1.0;
  void* at = place(order[0]);
  for (int round = 0; round < kRounds; ++round) {
    const double begin = monotonic_s();
    for (int step = 0; step < kSteps; ++step) at = *static_cast<void* volatile*>(at);
    best = std::min(best, (monotonic_s() - begin) / kSteps);
  }
  return best;
}

double measured_once() {
  const auto free = [](std::byte* room) { ::operator delete[](room, std::align_val_t{kPage}); };
  const std::unique_ptr<std::byte[], decltype(free)> room(
      static_cast<std::byte*>(::operator new[](kMost* kPage, std::align_val_t{kPage})), free);
  std::vector<std::pair<double, double>> extra;  // pages, seconds
  for (double pages = kFewest; pages <= kMost; pages *= 1.1892071150027210667) {
    const auto n = static_cast<std::size_t>(pages);
    extra.emplace_back(pages, chase(room.get(), n, kPage) - chase(room.get(), n, kLine));
  }
  const double before = extra.front().second, after = extra.back().second;
  if (after - before < kNothing_s) return 1e8;
  const auto half = std::find_if(extra.begin(), extra.end(), [&](const auto& one) {
    return one.second - before >= 0.5 * (after - before);
  });
  return half->first;
}

}  // namespace

double translated_pages() {
  std::array<double, 3> pages;
  for (double& one : pages) one = measured_once();
  std::sort(pages.begin(), pages.end());
  return pages[1];
}

}  // namespace hone::label
