#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hone/cost/device_transfer.h"
#include "hone/run/latency_tables.h"

namespace hone::run {

/// A device that is met with few measurements, beside tables of devices that were measured often.
class NewDevice {
 public:
  /// `tables`: a folder as read_latency_tables() takes it. `family`: which family of designs, "" where there
  /// is one alone; `target`: what is timed, "" where there is one thing alone. Throws Error with the names
  /// that there are.
  NewDevice(const std::string& tables, const std::string& family, const std::string& target);

  /// Reads measurements: a .csv with the columns of a design, in any order, and `latency`, in any unit; a
  /// latency that is no positive number failed. Throws Error naming file and line on anything malformed, and
  /// on a design that no table has.
  void read_measured(const std::string& path);

  std::vector<std::size_t> choose(std::size_t count, std::uint64_t seed) const;
  cost::AdaptedDevice adapt() const;

  const LatencyFamily& family() const { return *family_; }
  std::size_t measured() const { return measurements_.size(); }
  const std::vector<std::string>& known() const { return known_; }

 private:
  std::vector<LatencyFamily> families_;
  const LatencyFamily* family_ = nullptr;
  std::unique_ptr<cost::DeviceTransfer> transfer_;
  std::vector<cost::DeviceMeasurement> measurements_;
  std::vector<std::string> known_;
};

/// A CSV of designs, one a line, with their columns' names; more columns by `extra`, name and one value a
/// design of the list.
std::string designs_csv(const LatencyFamily& family, const std::vector<std::size_t>& designs,
                        const std::vector<std::pair<std::string, std::vector<double>>>& extra = {});

}  // namespace hone::run
