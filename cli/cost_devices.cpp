// hone cost calibrate and devices: what machines can do.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cost.h"
#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/cost/calibrate.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct CostDevicesArguments {
  std::string name, out;
  double seconds = 45.0;
  bool json = false, quiet = false;
};

std::string rate_text(const cost::Rate& rate, const char* unit) {
  const char* const prefixes[] = {"", "k", "M", "G", "T", "P"};
  double value = rate.value;
  std::size_t at = 0;
  while (value >= 999.5 && at + 1 < std::size(prefixes)) {
    value /= 1000.0;
    ++at;
  }
  return fmt::format("{:.3g} {}{}{}", value, prefixes[at], unit,
                     rate.spread > 0.0 ? fmt::format(" ({:.0f}% spread)", 100.0 * rate.spread) : "");
}

std::string profile_text(const cost::DeviceProfile& device) {
  std::string text = fmt::format("{} ({}{})\nfrom {}{}\n", device.name, device.kind,
                                 device.cores > 0 ? fmt::format(", {} threads", device.cores) : "",
                                 device.source, device.measured_at.empty() ? "" : ", " + device.measured_at);
  for (const auto& [type, rate] : device.peak) {
    text += fmt::format("  {:<5} {}", type, rate_text(rate, type[0] == 'i' ? "op/s" : "FLOP/s"));
    if (const auto one = device.peak_one.find(type); one != device.peak_one.end() && device.cores > 1)
      text += fmt::format("; one thread {}", rate_text(one->second, type[0] == 'i' ? "op/s" : "FLOP/s"));
    text += "\n";
  }
  for (const cost::MemoryLevel& level : device.memory) {
    text += fmt::format("  {:<6} {:>9}  read {}", level.name, quantity_text("x_bytes", level.bytes),
                        rate_text(level.read, "B/s"));
    if (level.read_one.value > 0.0 && device.cores > 1)
      text += fmt::format("; one thread {}", rate_text(level.read_one, "B/s"));
    if (level.copy.value > 0.0) text += fmt::format("; copy {}", rate_text(level.copy, "B/s"));
    text += "\n";
  }
  if (device.call_s > 0.0)
    text += fmt::format("  a call {:.2g} ns, waking a thread {}, a process {}\n", 1e9 * device.call_s,
                        quantity_text("x_s", device.wakeup_s), quantity_text("x_s", device.process_s));
  text += fmt::format("  an operator's overhead {}{}\n", quantity_text("x_s", device.overhead_s),
                      device.overhead_assumed ? " (assumed)" : "");
  if (device.watts > 0.0) text += fmt::format("  {:.0f} W at full load\n", device.watts);
  if (device.systolic)
    text += fmt::format("  systolic array {} x {}, {} of them\n", device.systolic->rows,
                        device.systolic->columns, device.systolic->arrays);
  return text;
}

int calibrate(const CostDevicesArguments& arguments) {
  catch_interrupts();
  const std::string path = arguments.out.empty() ? cost::own_profile_path() : arguments.out;
  if (arguments.out.empty()) {
    std::error_code code;
    std::filesystem::create_directories(cost::profile_folder(), code);
    if (code)
      throw environment_error(
          fmt::format("the folder {} cannot be made: {}", cost::profile_folder(), code.message()),
          "set XDG_CACHE_HOME to a folder that can be written, or give --out");
  }
  need_writable(path);
  ProgressLine progress(arguments.quiet);
  cost::CalibrateOptions options;
  options.max_s = arguments.seconds;
  options.progress = [&](const std::string& what) { progress.show(what); };
  options.interrupted = interrupted;
  cost::DeviceProfile profile;
  try {
    profile = cost::calibrate(options);
  } catch (const Error&) {
    progress.clear();
    if (!interrupted()) throw;
    std::fprintf(stderr, "stopped; nothing was saved\n");
    return kStopped;
  }
  progress.clear();
  write_file_atomic(path, profile.json().dump(1) + "\n");
  if (arguments.json) {
    Json json = profile.json();
    json["file"] = path;
    print_json(json);
  } else {
    std::printf("%s\n%s\n", profile_text(profile).c_str(), path.c_str());
  }
  return kDone;
}

int devices(const CostDevicesArguments& arguments) {
  if (!arguments.name.empty()) {
    const cost::DeviceProfile device = cost::find_device(arguments.name);
    if (arguments.json)
      print_json(device.json());
    else
      std::printf("%s", profile_text(device).c_str());
    return kDone;
  }
  std::vector<std::pair<std::string, cost::DeviceProfile>> list;
  if (const auto own = cost::own_profile()) list.emplace_back("this", *own);
  std::error_code code;
  std::vector<std::string> kept;
  for (const auto& entry : std::filesystem::directory_iterator(cost::profile_folder(), code))
    if (entry.path().extension() == ".json" && entry.path() != cost::own_profile_path())
      kept.push_back(entry.path().string());
  std::sort(kept.begin(), kept.end());
  for (const std::string& path : kept)
    list.emplace_back(std::filesystem::path(path).stem().string(), cost::DeviceProfile::read(path));
  for (const cost::DeviceProfile& device : cost::published_devices()) list.emplace_back(device.name, device);
  if (arguments.json) {
    Json json = Json::array();
    for (const auto& [name, device] : list) {
      Json entry{{"device", name}};
      entry.update(device.json());
      json.push_back(std::move(entry));
    }
    print_json(json);
    return kDone;
  }
  if (list.empty() || list.front().first != "this")
    std::printf("this machine was not calibrated: 'hone cost calibrate' does it\n\n");
  for (const auto& [name, device] : list) {
    const auto& peak = device.peak.count("f32") != 0 ? *device.peak.find("f32") : *device.peak.begin();
    std::printf("%-16s  %-4s %-12s  memory %-9s %-10s  %s\n", name.c_str(), peak.first.c_str(),
                rate_text({peak.second.value, 0.0}, "op/s").c_str(),
                quantity_text("x_bytes", device.memory_bytes).c_str(),
                rate_text({device.memory.back().read.value, 0.0}, "B/s").c_str(), device.source.c_str());
  }
  return kDone;
}

}  // namespace

void add_cost_devices(CLI::App& cost, Action& action) {
  {
    auto* command = cost.add_subcommand("calibrate", "Measure what this machine can do, in at most a minute");
    command->footer(
        "\nArithmetic by type, bandwidth by level of memory, calls, threads and processes; the best of "
        "several\n"
        "rounds under the machine's lock. Saved for this machine's user; 'hone cost design' reads it.\n"
        "Examples:\n"
        "  hone cost calibrate\n"
        "  hone cost calibrate --out board.json --json");
    auto arguments = std::make_shared<CostDevicesArguments>();
    command->add_option("--out", arguments->out, "Save the profile here instead");
    command->add_option("--seconds", arguments->seconds, "Begin no further round after so long")
        ->check(between(0.0, 3600.0))
        ->capture_default_str();
    command->add_flag("--json", arguments->json, "Print one JSON document");
    command->add_flag("--quiet", arguments->quiet, "No progress");
    command->callback([=, &action] { action = [=] { return calibrate(*arguments); }; });
  }
  {
    auto* command = cost.add_subcommand("devices", "List the devices that hone knows, or show one");
    command->footer(
        "\nThis machine's measured profile, profiles beside it, and published figures of accelerators.\n"
        "Examples:\n"
        "  hone cost devices\n"
        "  hone cost devices a100-sxm-80gb --json\n"
        "  hone cost devices board.json");
    auto arguments = std::make_shared<CostDevicesArguments>();
    command->add_option("DEVICE", arguments->name, "'this', a name of the list, or a profile's file");
    command->add_flag("--json", arguments->json, "Print one JSON document");
    command->callback([=, &action] { action = [=] { return devices(*arguments); }; });
  }
  add_cost_design(cost, action);
  add_cost_measure(cost, action);
  add_cost_runner(cost, action);
  add_cost_transfer(cost, action);
}

}  // namespace hone::cli
