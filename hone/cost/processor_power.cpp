// Power limits of processors by their names, where no counter tells.
#include <algorithm>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "hone/cost/energy.h"

namespace hone::cost {
namespace {

/// A part of a processor's name and its makers' thermal design power in watts. The first that fits counts.
struct Known {
  const char* part;
  double watts;
};
constexpr Known kKnown[]{
    {"Platinum 8592", 350}, {"Platinum 8581", 350}, {"Platinum 8488", 350}, {"Platinum 8481", 350},
    {"Platinum 8480", 350}, {"Platinum 8375", 300}, {"Platinum 8380", 270}, {"Platinum 8370", 270},
    {"Platinum 8358", 250}, {"Platinum 8275", 240}, {"Platinum 8272", 195}, {"Platinum 8259", 210},
    {"Platinum 8175", 240}, {"Platinum 8171", 165}, {"Platinum 8168", 205}, {"Gold 6338", 205},
    {"Gold 6248", 150},     {"Gold 6240", 150},     {"Gold 6230", 125},     {"Gold 6148", 150},
    {"E5-2699", 145},       {"E5-2690", 135},       {"E5-2686", 145},       {"E5-2680", 120},
    {"EPYC 9654", 360},     {"EPYC 9554", 360},     {"EPYC 9R14", 360},     {"EPYC 7763", 280},
    {"EPYC 7742", 225},     {"EPYC 7713", 225},     {"EPYC 7R13", 225},     {"EPYC 7R32", 240},
    {"EPYC 7B12", 240},     {"EPYC 7B13", 240},     {"i9-13900K", 125},     {"i9-12900K", 125},
    {"i7-13700K", 125},     {"i7-12700K", 125},     {"i9-10900K", 125},     {"i7-9700K", 95},
    {"i7-8700K", 95},       {"Ryzen 9 7950X", 170}, {"Ryzen 9 5950X", 105}, {"Ryzen 7 5800X", 105},
    {"Ryzen 5 5600X", 65},  {"Raspberry Pi 4", 6},  {"Raspberry Pi 5", 12},
};

/// What processors of a kind commonly have, where the very model is unknown.
constexpr Known kKinds[]{{"EPYC", 225},  {"Xeon", 165},      {"Threadripper", 280},
                         {"Ryzen", 105}, {"Core(TM) i", 65}, {"Core(TM) Ultra", 45},
                         {"ARM", 10},    {"Neoverse", 180}};

}  // namespace

StatedPower processor_power(const std::string& cpuinfo_text) {
  std::istringstream lines(cpuinfo_text);
  std::string name;
  std::set<std::string> sockets;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string value = line.substr(std::min(line.size(), colon + 2));
    if ((line.starts_with("model name") || line.starts_with("Model")) && name.empty()) name = value;
    if (line.starts_with("physical id")) sockets.insert(value);
  }
  const double count = std::max<double>(1.0, static_cast<double>(sockets.size()));
  for (const Known& known : kKnown)
    if (name.find(known.part) != std::string::npos)
      return {count * known.watts, fmt::format("the power limit of {} x {}", count, known.part)};
  for (const Known& kind : kKinds)
    if (name.find(kind.part) != std::string::npos)
      return {count * kind.watts, fmt::format("a usual power limit of {} x {}: '{}' is not in the table",
                                              count, kind.part, name)};
  return {65.0 * count, fmt::format("a guess: nothing is known of the processor '{}'", name)};
}

}  // namespace hone::cost
