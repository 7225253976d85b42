#include "hone/cost/energy.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/cost/nvml.h"

namespace hone::cost {
namespace {

namespace fs = std::filesystem;

/// The one number or word in a file of the kernel's; nothing where it cannot be read.
template <typename Value>
std::optional<Value> read_value(const fs::path& path) {
  std::ifstream file(path);
  Value value{};
  if (!(file >> value)) return std::nullopt;
  return value;
}

}  // namespace

struct EnergyMeter::Counters {
  /// One counter of RAPL: microjoules that run up to `range` and begin anew at 0.
  struct Zone {
    fs::path file;
    std::string name;
    std::uint64_t range = 0;
    std::uint64_t last = 0;
    double joules = 0.0;

    void advance() {
      const auto now = read_value<std::uint64_t>(file);
      if (!now) return;
      const std::uint64_t grown = *now >= last ? *now - last : range > last ? range - last + *now : *now;
      joules += static_cast<double>(grown) * 1e-6;
      last = *now;
    }
  };

  EnergyOptions options;
  std::vector<Zone> zones;
  std::string without_rapl;
  std::optional<Nvml> nvml;
  std::vector<int> gpus;
  std::vector<std::uint64_t> gpu_start;
  double began = 0.0;

  /// Packages and the memory below them ("intel-rapl:0", "intel-rapl:0:1" named dram). Cores and graphics are
  /// parts of their package; "psys" is the whole platform, which holds the packages.
  void find_zones() {
    std::error_code code;
    bool refused = false;
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(options.powercap, code)) folders.push_back(entry.path());
    std::sort(folders.begin(), folders.end());
    for (const fs::path& folder : folders) {
      if (folder.filename().string().starts_with("intel-rapl-mmio")) continue;  // the same package again
      const auto name = read_value<std::string>(folder / "name");
      if (!name || !(name->starts_with("package") || *name == "dram")) continue;
      Zone zone{folder / "energy_uj", *name, 0, 0, 0.0};
      if (!fs::exists(zone.file, code)) continue;
      const auto now = read_value<std::uint64_t>(zone.file);
      if (!now) {
        refused = true;
        continue;
      }
      zone.range = read_value<std::uint64_t>(folder / "max_energy_range_uj").value_or(0);
      zones.push_back(std::move(zone));
    }
    if (zones.empty())
      without_rapl = refused ? "not permitted (its counters are readable by root only)" : "there is none";
  }
};

EnergyMeter::EnergyMeter(EnergyOptions options) : counters_(std::make_unique<Counters>()) {
  counters_->options = std::move(options);
  counters_->find_zones();
  if (counters_->options.nvml) counters_->nvml = Nvml::open();
  if (counters_->nvml) {
    std::vector<int> wanted = counters_->options.gpus;
    for (int gpu = 0; wanted.empty() && gpu < counters_->nvml->count(); ++gpu) counters_->gpus.push_back(gpu);
    counters_->gpus.insert(counters_->gpus.end(), wanted.begin(), wanted.end());
    std::erase_if(counters_->gpus, [&](int gpu) { return !counters_->nvml->energy_mj(gpu); });
  }
  start();
}

EnergyMeter::~EnergyMeter() = default;
EnergyMeter::EnergyMeter(EnergyMeter&&) noexcept = default;
EnergyMeter& EnergyMeter::operator=(EnergyMeter&&) noexcept = default;

bool EnergyMeter::measures() const { return !counters_->zones.empty() || !counters_->gpus.empty(); }
const std::string& EnergyMeter::without_rapl() const { return counters_->without_rapl; }

void EnergyMeter::start() {
  for (Counters::Zone& zone : counters_->zones) {
    zone.last = read_value<std::uint64_t>(zone.file).value_or(zone.last);
    zone.joules = 0.0;
  }
  counters_->gpu_start.clear();
  for (const int gpu : counters_->gpus)
    counters_->gpu_start.push_back(counters_->nvml->energy_mj(gpu).value_or(0));
  counters_->began = monotonic_s();
}

void EnergyMeter::lap() {
  for (Counters::Zone& zone : counters_->zones) zone.advance();
}

Energy EnergyMeter::stop() {
  lap();
  Energy energy;
  energy.seconds = monotonic_s() - counters_->began;
  if (!measures()) {
    const EnergyOptions& options = counters_->options;
    if (options.power_w > 0.0) return modelled_energy(energy.seconds, options.power_w, "stated by the user");
    std::ostringstream text;
    text << std::ifstream(options.cpuinfo).rdbuf();
    const StatedPower power = processor_power(text.str());
    return modelled_energy(energy.seconds, power.watts, power.source);
  }
  energy.measured = true;
  energy.joules = 0.0;
  if (!counters_->zones.empty()) {
    std::string names;
    for (const Counters::Zone& zone : counters_->zones) {
      energy.joules += zone.joules;
      names += (names.empty() ? "" : ", ") + zone.name;
    }
    energy.source = fmt::format("RAPL: {}", names);
  }
  for (std::size_t i = 0; i < counters_->gpus.size(); ++i) {
    const auto now = counters_->nvml->energy_mj(counters_->gpus[i]).value_or(counters_->gpu_start[i]);
    energy.joules += static_cast<double>(now - std::min(now, counters_->gpu_start[i])) * 1e-3;
  }
  if (!counters_->gpus.empty())
    energy.source += fmt::format("{}NVML: {} GPU{}{}", energy.source.empty() ? "" : "; ",
                                 counters_->gpus.size(), counters_->gpus.size() == 1 ? "" : "s",
                                 counters_->zones.empty() ? " (the processor is not in it)" : "");
  return energy;
}

Json Energy::json() const {
  return {
      {"energy_j", real_to_json(joules)}, {"seconds", seconds}, {"measured", measured}, {"source", source}};
}

Energy modelled_energy(double seconds, double power_w, const std::string& whose) {
  if (!(power_w > 0.0) || !std::isfinite(power_w))
    throw Error(fmt::format("{} W is no power to reckon energy with", power_w));
  return {power_w * seconds, seconds, false,
          fmt::format("modelled: {:.6g} W x {:.6g} s, {}", power_w, seconds, whose)};
}

}  // namespace hone::cost
