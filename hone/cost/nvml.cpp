#include "hone/cost/nvml.h"

#include <cmath>

#include <dlfcn.h>

namespace hone::cost {

/// The few functions that are called, by their C interface; every one returns 0 where it succeeded.
struct Nvml::Library {
  using Device = void*;
  void* handle = nullptr;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*device_count)(unsigned*) = nullptr;
  int (*device_by_index)(unsigned, Device*) = nullptr;
  int (*total_energy)(Device, unsigned long long*) = nullptr;
  int (*power_usage)(Device, unsigned*) = nullptr;
  int (*power_limit)(Device, unsigned*) = nullptr;
  int (*power_limit_range)(Device, unsigned*, unsigned*) = nullptr;
  int (*set_power_limit)(Device, unsigned) = nullptr;
  const char* (*error_string)(int) = nullptr;
  bool started = false;

  ~Library() {
    if (started) shutdown();
    if (handle != nullptr) ::dlclose(handle);
  }

  template <typename Function>
  bool load(Function& function, const char* name) {
    function = reinterpret_cast<Function>(::dlsym(handle, name));
    return function != nullptr;
  }
};

std::optional<Nvml> Nvml::open() {
  auto library = std::make_shared<Library>();
  library->handle = ::dlopen("libnvidia-ml.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (library->handle == nullptr) return std::nullopt;
  if (!library->load(library->init, "nvmlInit_v2") || !library->load(library->shutdown, "nvmlShutdown") ||
      !library->load(library->device_count, "nvmlDeviceGetCount_v2") ||
      !library->load(library->device_by_index, "nvmlDeviceGetHandleByIndex_v2") ||
      !library->load(library->power_usage, "nvmlDeviceGetPowerUsage"))
    return std::nullopt;
  library->load(library->total_energy, "nvmlDeviceGetTotalEnergyConsumption");
  library->load(library->power_limit, "nvmlDeviceGetPowerManagementLimit");
  library->load(library->power_limit_range, "nvmlDeviceGetPowerManagementLimitConstraints");
  library->load(library->set_power_limit, "nvmlDeviceSetPowerManagementLimit");
  library->load(library->error_string, "nvmlErrorString");
  if (library->init() != 0) return std::nullopt;
  library->started = true;
  unsigned count = 0;
  if (library->device_count(&count) != 0 || count == 0) return std::nullopt;
  Nvml nvml;
  nvml.library_ = std::move(library);
  nvml.count_ = static_cast<int>(count);
  return nvml;
}

std::optional<std::uint64_t> Nvml::energy_mj(int gpu) const {
  Library::Device device = nullptr;
  unsigned long long energy = 0;
  if (gpu < 0 || library_->total_energy == nullptr ||
      library_->device_by_index(static_cast<unsigned>(gpu), &device) != 0 ||
      library_->total_energy(device, &energy) != 0)
    return std::nullopt;
  return energy;
}

std::optional<double> Nvml::power_w(int gpu) const {
  Library::Device device = nullptr;
  unsigned milliwatts = 0;
  if (gpu < 0 || library_->device_by_index(static_cast<unsigned>(gpu), &device) != 0 ||
      library_->power_usage(device, &milliwatts) != 0)
    return std::nullopt;
  return static_cast<double>(milliwatts) * 1e-3;
}

std::optional<double> Nvml::power_limit_w(int gpu) const {
  Library::Device device = nullptr;
  unsigned milliwatts = 0;
  if (gpu < 0 || library_->power_limit == nullptr ||
      library_->device_by_index(static_cast<unsigned>(gpu), &device) != 0 ||
      library_->power_limit(device, &milliwatts) != 0)
    return std::nullopt;
  return static_cast<double>(milliwatts) * 1e-3;
}

std::optional<std::pair<double, double>> Nvml::power_limit_range_w(int gpu) const {
  Library::Device device = nullptr;
  unsigned low = 0, high = 0;
  if (gpu < 0 || library_->power_limit_range == nullptr ||
      library_->device_by_index(static_cast<unsigned>(gpu), &device) != 0 ||
      library_->power_limit_range(device, &low, &high) != 0)
    return std::nullopt;
  return std::pair{static_cast<double>(low) * 1e-3, static_cast<double>(high) * 1e-3};
}

std::string Nvml::set_power_limit(int gpu, double watts) const {
  Library::Device device = nullptr;
  if (library_->set_power_limit == nullptr) return "the driver's library cannot";
  if (gpu < 0 || library_->device_by_index(static_cast<unsigned>(gpu), &device) != 0)
    return "there is no such GPU";
  const int code = library_->set_power_limit(device, static_cast<unsigned>(std::lround(watts * 1e3)));
  if (code == 0) return "";
  const char* text = library_->error_string == nullptr ? nullptr : library_->error_string(code);
  return text == nullptr ? "the driver refuses" : text;
}

}  // namespace hone::cost
