#pragma once

#include <string>
#include <vector>

namespace hone::run {

/// Times of the designs of a family on one device.
struct LatencySeries {
  std::string device;           ///< "pixel3"
  std::string target;           ///< what was timed, "decoder"; "" where there is only one thing
  std::vector<double> latency;  ///< one a design, NaN: not measured
  std::vector<double> sd;  ///< standard deviation over the repeats of a measurement, likewise; may be empty
  std::vector<int> order;  ///< of the measured designs in the order of the table
  std::string name() const { return target.empty() ? device : device + " " + target; }
};

/// Tables whose designs are described by the same columns. A design that several tables have is one; one that
/// a table repeats is several.
struct LatencyFamily {
  std::string name;                               ///< of the table, or what the tables' names begin with
  std::vector<std::string> columns;               ///< that describe a design
  std::vector<std::vector<std::string>> designs;  ///< a cell a column
  std::vector<LatencySeries> series;
};

/// Reads all tables of a folder: NAME.csv.gz or NAME.csv, with NAME.json beside it (docs/formats.md). Where
/// the description has "metrics", each of them is a device; else latency_mean_X (and latency_std_X) is what
/// the device NAME takes for X. Cells that are no numbers, not positive or absent are "not measured". Throws
/// Error on a table that is malformed. Families and their tables in the order of names.
std::vector<LatencyFamily> read_latency_tables(const std::string& folder);

}  // namespace hone::run
