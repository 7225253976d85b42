#include "hone/cost/accelerator.h"

#include <cctype>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace hone::cost {
namespace {

std::string folded(const std::string& name) {
  std::string text;
  for (const char c : name)
    text += c == ' ' || c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

const std::vector<Accelerator>& accelerators() {
  constexpr double T = 1e12, G = 1e9;
  static const std::vector<Accelerator> known{
      {"t4", 65 * T, 130 * T, 320 * G, 16 * G, 16 * G, 70, 1.0, 0.6},
      {"v100-16gb", 125 * T, 0, 900 * G, 16 * G, 150 * G, 300, 1.1, 0.9},
      {"v100-32gb", 125 * T, 0, 900 * G, 32 * G, 150 * G, 300, 1.1, 0.9},
      {"a10", 125 * T, 250 * T, 600 * G, 24 * G, 32 * G, 150, 1.0, 0.7},
      {"a40", 150 * T, 299 * T, 696 * G, 48 * G, 56 * G, 300, 1.0, 0.8},
      {"a100-40gb", 312 * T, 624 * T, 1555 * G, 40 * G, 300 * G, 400, 1.0, 1.0},
      {"a100-80gb", 312 * T, 624 * T, 2039 * G, 80 * G, 300 * G, 400, 1.0, 1.0},
      {"a100-pcie-80gb", 312 * T, 624 * T, 1935 * G, 80 * G, 32 * G, 300, 1.0, 0.9},
      {"l4", 121 * T, 242 * T, 300 * G, 24 * G, 32 * G, 72, 0.8, 0.6},
      {"l40s", 362 * T, 733 * T, 864 * G, 48 * G, 32 * G, 350, 0.8, 0.7},
      {"h100-80gb", 989 * T, 1979 * T, 3350 * G, 80 * G, 450 * G, 700, 0.67, 0.8},
      {"h100-pcie-80gb", 756 * T, 1513 * T, 2000 * G, 80 * G, 64 * G, 350, 0.67, 0.75},
      {"h200", 989 * T, 1979 * T, 4800 * G, 141 * G, 450 * G, 700, 0.67, 0.8},
      {"b200", 2250 * T, 4500 * T, 8000 * G, 180 * G, 900 * G, 1000, 0.6, 0.75},
      {"rtx-3090", 71 * T, 284 * T, 936 * G, 24 * G, 16 * G, 350, 0.8, 0.9},
      {"rtx-4090", 165 * T, 661 * T, 1008 * G, 24 * G, 16 * G, 450, 0.7, 0.9},
      {"mi250x", 383 * T, 383 * T, 3277 * G, 128 * G, 100 * G, 560, 1.1, 0.6},
      {"mi300x", 1307 * T, 2615 * T, 5300 * G, 192 * G, 448 * G, 750, 0.8, 0.6},
      {"tpu-v4", 275 * T, 275 * T, 1228 * G, 32 * G, 150 * G, 192, 1.0, 0.9},
      {"tpu-v5e", 197 * T, 393 * T, 819 * G, 16 * G, 100 * G, 200, 1.0, 0.9},
  };
  return known;
}

std::string accelerator_key(const std::string& name) {
  struct Alias {
    std::string_view other, known;
  };
  static constexpr Alias kAliases[]{
      {"a100-sxm-80gb", "a100-80gb"},  {"a100-sxm4-80gb", "a100-80gb"}, {"a100-sxm-40gb", "a100-40gb"},
      {"a100-sxm4-40gb", "a100-40gb"}, {"h100-sxm", "h100-80gb"},       {"h100-sxm5", "h100-80gb"},
      {"h100-sxm-80gb", "h100-80gb"},  {"h100-sxm5-80gb", "h100-80gb"}, {"h200-sxm", "h200"},
      {"h200-141gb", "h200"},          {"h200-sxm-141gb", "h200"},      {"v100-sxm2-32gb", "v100-32gb"},
      {"v100-sxm2-16gb", "v100-16gb"},
  };
  const std::string wanted = folded(name);
  const Alias* best = nullptr;
  for (const Alias& alias : kAliases)
    if (wanted.starts_with(alias.other) &&
        (wanted.size() == alias.other.size() || wanted[alias.other.size()] == '-'))
      if (best == nullptr || alias.other.size() > best->other.size()) best = &alias;
  return best == nullptr ? wanted : std::string(best->known) + wanted.substr(best->other.size());
}

std::optional<Accelerator> find_accelerator(const std::string& name) {
  const std::string wanted = accelerator_key(name);
  const Accelerator* best = nullptr;
  for (const Accelerator& one : accelerators()) {
    const bool variant =
        wanted.starts_with(one.name) && (wanted.size() == one.name.size() || wanted[one.name.size()] == '-');
    if (variant && (best == nullptr || one.name.size() > best->name.size())) best = &one;
  }
  // "a100" and "h100" alone are the common ones.
  if (best == nullptr)
    for (const Accelerator& one : accelerators())
      if (one.name == wanted + "-80gb" || one.name == wanted + "-32gb") best = &one;
  return best == nullptr ? std::nullopt : std::optional(*best);
}

Accelerator accelerator(const std::string& name, const Place& place) {
  if (const auto found = find_accelerator(name)) return *found;
  std::vector<std::string> names;
  for (const Accelerator& one : accelerators()) names.push_back(one.name);
  throw Error(fmt::format("unknown accelerator '{}'", name), place, suggest(folded(name), names));
}

Accelerator power_capped(Accelerator accelerator, double power_w) {
  constexpr double kLowest = 0.25;  // A100: 100 of 400 W, H100: 200 of 700 W
  if (!(power_w >= kLowest * accelerator.power_w))
    throw Error(
        fmt::format("{} cannot be held to {} W: its limit is {} W, and boards take a quarter of theirs "
                    "at least",
                    accelerator.name, power_w, accelerator.power_w));
  if (power_w >= accelerator.power_w) return accelerator;
  accelerator.matrix_share *= std::cbrt(power_w / accelerator.power_w);
  accelerator.power_w = power_w;
  return accelerator;
}

}  // namespace hone::cost
