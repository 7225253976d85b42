#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/json.h"

namespace hone::cost {

/// A rate with its spread over repeats: (best - median) / best; 0 where it was not measured.
struct Rate {
  double value = 0.0;
  double spread = 0.0;
};

/// A level of the memory hierarchy, the nearest first; the last is main memory.
struct MemoryLevel {
  std::string name;    ///< "L1", "L2", "L3", "DRAM", "HBM"
  double bytes = 0.0;  ///< that it holds; of all cores together where they have their own
  Rate read;           ///< bytes a second, all cores
  Rate read_one = {};  ///< one thread; 0: unknown
  Rate copy = {};      ///< bytes copied a second (each read and written), all cores; 0: unknown
};

/// A systolic array of multiply-accumulate cells.
struct SystolicArray {
  int rows = 0, columns = 0;
  int arrays = 1;
};

/// What a device can do at best. A plain value.
struct DeviceProfile {
  std::string name;
  std::string kind;                      ///< "cpu", "gpu", "accelerator"
  std::string source;                    ///< where the figures come from: "measured", a data sheet
  std::map<std::string, Rate> peak;      ///< operations a second by type: f64, f32, f16, bf16, i8, i32
  std::map<std::string, Rate> peak_one;  ///< the same of one thread; empty: unknown
  std::vector<MemoryLevel> memory;
  double memory_bytes = 0.0;  ///< main memory
  int cores = 0;              ///< hardware threads; 0: does not matter
  /// Seconds that an operator takes beyond its work: dispatch, launch. assumed: nobody measured it.
  double overhead_s = 0.0;
  bool overhead_assumed = true;
  double call_s = 0.0, wakeup_s = 0.0,
         process_s = 0.0;   ///< of a function call, a thread, a process; 0: unknown
  double watts = 0.0;       ///< at full load; 0: unknown
  double idle_watts = 0.0;  ///< 0: unknown
  std::optional<SystolicArray> systolic;
  std::string measured_at;  ///< UTC, "2024-05-01T12:00:00Z"; "": published

  /// Operations a second in that type; where it is not listed, of the next wider one that is (a device
  /// computes f16 in f32 at worst); of one thread where that is asked for. Throws Error where there is none.
  Rate peak_of(const std::string& type, bool one_thread = false) const;
  /// Reading speed for a working set: of the nearest level that holds it.
  double bandwidth(double working_set) const;

  Json json() const;
  /// Throws Error naming `file` and the key on anything malformed. Unknown keys are errors.
  static DeviceProfile from_json(const Json& json, const std::string& file);
  static DeviceProfile read(const std::string& path);
};

/// Bytes of an element: f64 8, f32 and i32 4, f16 and bf16 2, i8 1. Throws Error on another name.
double type_bytes(const std::string& type);

/// Published figures of common accelerators, each with its source.
const std::vector<DeviceProfile>& published_devices();

/// This machine's processor: "AMD EPYC (family 26, model 2)".
std::string processor_name();
/// The folder of measured profiles: $XDG_CACHE_HOME/hone/devices, else ~/.cache/hone/devices.
std::string profile_folder();
/// The file of this machine's profile, by processor and count of hardware threads.
std::string own_profile_path();
/// This machine's measured profile; nullopt: it was never calibrated.
std::optional<DeviceProfile> own_profile();

/// A device by what a user writes: "this" (this machine, must be calibrated), the name of a published one, of
/// a profile in profile_folder(), a path to a file, or another name of a published one (accelerator_key).
/// Throws Error with what is known.
DeviceProfile find_device(const std::string& what);

}  // namespace hone::cost
