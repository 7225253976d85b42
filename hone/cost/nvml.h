#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace hone::cost {

/// NVIDIA's management library, loaded at run time where it is installed; never linked.
class Nvml {
 public:
  /// Nothing where the library is missing, does not start, or sees no GPU.
  static std::optional<Nvml> open();
  int count() const { return count_; }
  /// Millijoules since the driver was loaded; nothing where the GPU has no such counter (before Volta).
  std::optional<std::uint64_t> energy_mj(int gpu) const;
  /// Watts drawn now.
  std::optional<double> power_w(int gpu) const;

  /// The power limit that is set, and the lowest and highest that may be, in watts; nothing where the GPU has
  /// none.
  std::optional<double> power_limit_w(int gpu) const;
  std::optional<std::pair<double, double>> power_limit_range_w(int gpu) const;
  /// Sets it; "" or why not ("not permitted", mostly: it wants root).
  std::string set_power_limit(int gpu, double watts) const;

 private:
  struct Library;
  std::shared_ptr<Library> library_;
  int count_ = 0;
};

}  // namespace hone::cost
