#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/base/numbers.h"

namespace hone::cost {

/// Energy of an interval, and where the number is from.
struct Energy {
  double joules = kNaN;
  double seconds = 0.0;
  bool measured = false;  ///< from counters of the hardware; else power x time
  std::string
      source;         ///< "RAPL: package-0, dram", "NVML: 2 GPUs", "modelled: 65 W x 3 s, stated by the user"
  Json json() const;  ///< {"energy_j", "seconds", "measured", "source"}
};

struct EnergyOptions {
  /// Where the kernel shows RAPL's counters; another folder of the same shape for tests.
  std::string powercap = "/sys/class/powercap";
  bool nvml = true;  ///< ask NVIDIA's library too, where it is installed and sees GPUs
  /// Watts to reckon with where no counter can be read: a number the user states, or 0: the processor's
  /// published power limit (thermal design power), or a common one of its kind.
  double power_w = 0.0;
  std::string cpuinfo = "/proc/cpuinfo";  ///< for tests
  std::vector<int> gpus = {};             ///< NVML's numbers; empty: all
};

/// Reads the machine's energy counters: RAPL's of all packages and their memory (several processes and
/// everything else that runs on the machine included), NVML's of the GPUs. What a counter lacks is not made
/// up: with GPUs but unreadable RAPL the source says that only GPUs were measured. Not thread safe.
class EnergyMeter {
 public:
  explicit EnergyMeter(EnergyOptions options = {});
  ~EnergyMeter();
  EnergyMeter(EnergyMeter&&) noexcept;
  EnergyMeter& operator=(EnergyMeter&&) noexcept;

  /// Whether any counter can be read.
  bool measures() const;
  /// Why RAPL is not read where it is not: "there is none", "not permitted (readable by root only)".
  const std::string& without_rapl() const;

  /// Begins an interval.
  void start();
  /// The energy since start(). RAPL's counters wrap around after some minutes of full load (262 kJ on many
  /// machines): call lap() at least every minute, which sees one wrap; more are not seen. May be called
  /// again; the interval goes on. Of a measured interval joules are at least 0.
  Energy stop();
  void lap();

 private:
  struct Counters;
  std::unique_ptr<Counters> counters_;
};

/// Power x time, said to be so.
Energy modelled_energy(double seconds, double power_w, const std::string& whose);

/// The published power limit of the processor that /proc/cpuinfo's text names, in watts, of all its sockets,
/// and where it is from; a common one of its kind where the model is unknown.
struct StatedPower {
  double watts = 0.0;
  std::string source;
};
StatedPower processor_power(const std::string& cpuinfo_text);

}  // namespace hone::cost
