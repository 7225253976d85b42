#pragma once

#include <cstdint>
#include <string>

#include "hone/base/document.h"

namespace hone {

/// A duration in seconds: 180, "180 s", "3 min", "1.5 h", "500 ms", "2 d". Throws Error at the node.
double read_duration_s(const Node& node);
/// The same from text on a command line, named `what` in the error.
double parse_duration_s(const std::string& text, const std::string& what);
/// A size in bytes: 2e9, "2 GB" (10^9), "2 GiB" (2^30). Throws Error at the node.
double read_size_bytes(const Node& node);
/// A quantity whose unit follows from its name's ending: *_s takes durations, and so does `seconds`, *_bytes
/// takes "200 MB" (10^6) and "200 MiB" (2^20), anything else takes plain numbers. Throws Error at the node.
double read_quantity(const std::string& name, const Node& node);

/// "1 trial", "3 trials", "0 trials".
std::string counted(std::int64_t n, const std::string& what);

/// The same of a unit that is written in its plural: "1 step", "180 steps".
std::string amount_of(std::int64_t n, const std::string& unit);

/// Whether a name ends as quantities do that are paid: seconds, bytes, joules, watts, dollars, grams.
bool is_cost_name(const std::string& name);

std::string duration_text(double seconds);  ///< "1:02:03", "2:05", "12 s"
std::string quantity_text(const std::string& name,
                          double value);  ///< "1.2 ms", "3.4 MB", by the name's ending

}  // namespace hone
