#include "hone/task/command_parts.h"

#include <cmath>
#include <filesystem>
#include <utility>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/json.h"

namespace hone::task {

namespace fs = std::filesystem;

namespace {

/// A time that may be one; 0 where it is none.
double time_of(double value) { return std::isfinite(value) && value > 0.0 ? value : 0.0; }

}  // namespace

CommandParts::CommandParts(std::string folder, bool goes_on, const study::Trial& trial)
    : path_(folder.empty() ? "" : std::move(folder) + "/hone-parts.json") {
  if (path_.empty()) return;
  std::error_code code;
  const bool there = fs::exists(path_, code);
  if (!goes_on) {
    // Should its worker die, the checkpoint that it leaves comes of no earlier run.
    if (there || trial.last() != nullptr) write();
    return;
  }
  if (there) {
    try {
      const Json parts = parse_json(read_file(path_), path_);
      seconds_ = time_of(json_to_real(parts.at("seconds")));
      cpu_s_ = time_of(json_to_real(parts.at("cpu_s")));
    } catch (const std::exception&) {
      seconds_ = cpu_s_ = 0.0;  // the program's own, or damaged: then nothing is known
    }
  } else {
    // Later results lack them that were reported on the way of a run.
    for (const study::Result& result : trial.results) {
      seconds_ = time_of(result.measures.find("seconds").value_or(seconds_));
      cpu_s_ = time_of(result.measures.find("cpu_s").value_or(cpu_s_));
    }
  }
}

std::string CommandParts::end(double seconds, double cpu_s, bool has_checkpoint) {
  seconds_ += seconds;
  cpu_s_ += cpu_s;
  if (path_.empty()) return "";
  if (has_checkpoint) return write();
  std::error_code code;
  fs::remove(path_, code);
  return "";
}

std::string CommandParts::write() const {
  const Json parts{{"seconds", seconds_}, {"cpu_s", cpu_s_}};
  try {
    write_file_atomic(path_, parts.dump() + "\n");
  } catch (const Error& error) {
    return error.message();
  }
  return "";
}

}  // namespace hone::task
