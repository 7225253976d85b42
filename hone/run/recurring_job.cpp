#include "hone/run/recurring_job.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/cost/device_profile.h"
#include "hone/cost/energy.h"

namespace hone::run {
namespace {

namespace fs = std::filesystem;
using Type = OptionSpec::Type;

RecurringTarget read_target(const Node& node) {
  RecurringTarget target;
  if (!node) return target;
  node.only({"metric", "min", "max"});
  target.metric = node.need("metric").text();
  if (target.metric.empty()) throw node["metric"].expected("the name of what the command reports");
  if (node.has("min")) target.min = node["min"].real();
  if (node.has("max")) target.max = node["max"].real();
  if (!target.min && !target.max)
    throw Error("says of what, and not how much", node.place(),
                "target = { metric = \"accuracy\", min = 0.9 }, or max for what should be small");
  if (target.min && target.max && !(*target.min <= *target.max))
    throw Error(fmt::format("nothing is both at least {} and at most {}", real_text(*target.min),
                            real_text(*target.max)),
                node.place(), "min is the lower of the two");
  return target;
}

PowerOptions read_power(const Node& root) {
  if (!root.has("power")) return {};
  const Options options(RecurringJob::power_specs(), root["power"], {"limits_w"});
  PowerOptions power;
  if (const Node table = root["power"]; table.has("limits_w")) {
    const Node list = table["limits_w"];
    for (const Node& one : list.list()) {
      const double watts = one.real();
      if (!(watts > 0.0) || !std::isfinite(watts)) throw one.expected("a power limit in watts, above 0");
      if (std::find(power.limits_w.begin(), power.limits_w.end(), watts) != power.limits_w.end())
        throw Error(fmt::format("{} stands there twice", real_text(watts)), one.place());
      power.limits_w.push_back(watts);
    }
  }
  std::sort(power.limits_w.rbegin(), power.limits_w.rend());
  power.set = options.texts("set");
  power.get = options.texts("get");
  power.slice_s = options.real("slice");
  power.powercap = options.text("powercap");
  for (const std::int64_t gpu : options.integers("gpus")) {
    if (std::find(power.gpus.begin(), power.gpus.end(), gpu) != power.gpus.end())
      throw Error(fmt::format("{} stands there twice: its energy would count twice", gpu),
                  options.place("gpus"));
    power.gpus.push_back(static_cast<int>(gpu));
  }
  power.via = options.has("via") ? options.text("via") : power.set.empty() ? "none" : "command";
  if (power.via == "command" && power.set.empty())
    throw Error("there is no command to set a limit with", options.place("via"),
                "set = [\"nvidia-smi\", \"-i\", \"0\", \"-pl\", \"{watts}\"]");
  if (power.via != "command" && !power.set.empty())
    throw Error(fmt::format("a command is given, and limits are set via {}", power.via), options.place("set"),
                "leave one of the two out");
  if (!power.set.empty() && std::none_of(power.set.begin(), power.set.end(), [](const std::string& word) {
        return word.find("{watts}") != std::string::npos;
      }))
    throw Error("does not say where the limit stands", options.place("set"), "{watts} stands for it");
  if (power.via != "none" && power.limits_w.empty())
    throw Error("names no limits to choose from", root["power"]["limits_w"].place(),
                "limits_w = [250, 200, 150]");
  if (power.via == "none" && !power.limits_w.empty())
    throw Error("there are limits, and nothing sets them", root["power"]["limits_w"].place(),
                "via = \"nvml\" or \"powercap\", or set = [\"nvidia-smi\", \"-pl\", \"{watts}\"]");
  return power;
}

/// The highest power of the device, where the file does not say it.
double usual_power(const RecurringJob& job, const Options& options) {
  if (!job.power.limits_w.empty()) return job.power.limits_w.front();
  if (job.power_w > 0.0) return job.power_w;
  if (!job.device.empty()) {
    const double watts = cost::find_device(job.device).watts;
    if (watts > 0.0) return watts;
    throw Error(fmt::format("the profile of '{}' has no power", job.device), options.place("device"),
                "say it: max_power_w = 250");
  }
  std::ostringstream text;
  text << std::ifstream("/proc/cpuinfo").rdbuf();
  return cost::processor_power(text.str()).watts;
}

}  // namespace

std::string RecurringTarget::text() const {
  if (metric.empty()) return "exit status 0";
  std::string text = metric;
  if (min) text += fmt::format(" >= {}", real_text(*min));
  if (max) text += fmt::format("{} <= {}", min ? " and" : "", real_text(*max));
  return text;
}

std::vector<OptionSpec> RecurringJob::specs() {
  return {
      {.name = "batch_sizes",
       .type = Type::integers,
       .fallback = nullptr,
       .summary = "the batch sizes to choose from",
       .low = 1,
       .high = 1e15},
      {.name = "default",
       .type = Type::integer,
       .fallback = nullptr,
       .summary = "the one that the job has otherwise; it must reach the target",
       .low = 1,
       .high = 1e15},
      {.name = "target",
       .type = Type::table,
       .fallback = nullptr,
       .summary =
           "{ metric = \"accuracy\", min = 0.9 } or max: what the command reports; without, exit status 0",
       .optional = true},
      {.name = "eta",
       .type = Type::real,
       .fallback = 0.5,
       .summary = "1: energy alone counts, 0: time alone",
       .low = 0.0,
       .high = 1.0},
      {.name = "beta",
       .type = Type::real,
       .fallback = 2.0,
       .summary = "a run is stopped at so many times the least cost so far; inf: never",
       .low = 1.0},
      {.name = "window",
       .type = Type::integer,
       .fallback = 0,
       .summary = "latest costs of a batch size that count, for data that drift; 0: all",
       .low = 0,
       .high = 1e9},
      {.name = "rounds",
       .type = Type::integer,
       .fallback = 2,
       .summary = "of pruning exploration",
       .low = 1,
       .high = 100},
      {.name = "seed", .type = Type::integer, .fallback = 1, .summary = "of the draws", .low = 0},
      {.name = "progress",
       .type = Type::text,
       .fallback = "fidelity",
       .summary = "the report that says how far a run is, in epochs or steps"},
      {.name = "max_progress",
       .type = Type::real,
       .fallback = nullptr,
       .summary = "where a run that has not reached the target is given up",
       .low = 0.0,
       .optional = true},
      {.name = "tries",
       .type = Type::integer,
       .fallback = 20,
       .summary = "runs of one recurrence, until one reaches the target",
       .low = 1,
       .high = 1e6},
      {.name = "at_target",
       .type = Type::text,
       .fallback = "wait",
       .summary = "once the target is reached: wait for the command to end, or stop it",
       .allowed = {"wait", "stop"}},
      {.name = "max_power_w",
       .type = Type::real,
       .fallback = nullptr,
       .summary =
           "the device's highest power; otherwise the highest of limits_w, else power_w, else the device's",
       .low = 1e-9,
       .high = 1e9,
       .optional = true},
      {.name = "energy",
       .type = Type::text,
       .fallback = "",
       .summary = "a report that says the joules since the run began, for a meter of your own"},
      {.name = "device",
       .type = Type::text,
       .fallback = "",
       .summary = "whose power is reckoned with where no counter can be read (hone cost devices)"},
      {.name = "power_w",
       .type = Type::real,
       .fallback = nullptr,
       .summary = "likewise, in watts",
       .low = 1e-9,
       .high = 1e9,
       .optional = true},
  };
}

std::vector<OptionSpec> RecurringJob::power_specs() {
  return {
      {.name = "via",
       .type = Type::text,
       .fallback = nullptr,
       .summary = "what sets them: a command, NVIDIA's library, or the kernel's powercap files",
       .allowed = {"none", "command", "nvml", "powercap"},
       .optional = true},
      {.name = "set",
       .type = Type::texts,
       .fallback = Json::array(),
       .summary = "the command, with its arguments; {watts} stands for the limit"},
      {.name = "get",
       .type = Type::texts,
       .fallback = Json::array(),
       .summary =
           "a command that prints the present limit, to be put back at the end; without, the highest is"},
      {.name = "slice",
       .type = Type::duration,
       .fallback = 5.0,
       .summary = "how long a limit is profiled",
       .low = 1e-3,
       .high = 86400.0},
      {.name = "gpus",
       .type = Type::integers,
       .fallback = Json::array(),
       .summary = "numbers of the GPUs that the job runs on; without, all",
       .low = 0,
       .high = 1023},
      {.name = "powercap",
       .type = Type::text,
       .fallback = "/sys/class/powercap",
       .summary = "where those files are"},
  };
}

std::string RecurringJob::state_folder() const { return (fs::path(folder) / name).string() + ".hone"; }
std::string RecurringJob::journal() const { return state_folder() + "/recurrences.jsonl"; }

Json RecurringJob::identity() const {
  return {{"run", command->options().run}, {"target", target.text()}, {"energy", energy}};
}

void RecurringJob::check_recorded(const Json& line) const {
  if (line.is_null()) return;
  const Json now = identity();
  for (const auto& [key, value] : now.items())
    if (line.value(key, Json()) != value)
      throw Error(
          fmt::format("recurrences were recorded with {} = {}, and the file now says {}", key,
                      line.value(key, Json()).dump(), value.dump()),
          Place{path, 0, ""},
          fmt::format("costs of both cannot be compared: give the job file another name, or move {} away",
                      journal()));
}

std::string RecurringJob::missing_progress(const cost::RecurringRun& run) const {
  const bool limits = power.via != "none", most = std::isfinite(max_progress);
  if ((!limits && !most) || run.reports.empty() ||
      std::find(run.reports.begin(), run.reports.end(), this->progress) != run.reports.end())
    return {};
  std::vector<std::string> lacking;
  if (limits) lacking.emplace_back("power limits are not profiled");
  if (most) lacking.emplace_back("max_progress gives no run up");
  return fmt::format("no report named '{}' came in run {}: {}; it reports {} ([recur] progress names one)",
                     this->progress, run.zeus.run, fmt::join(lacking, " and "), fmt::join(run.reports, ", "));
}

RecurringJob RecurringJob::read(const std::string& path) { return parse(read_file(path), path); }

RecurringJob RecurringJob::parse(const std::string& text, const std::string& path) {
  const Node root = Node::parse_toml(text, path);
  root.only({"command", "recur", "power"});
  RecurringJob job;
  job.path = path;
  job.folder = fs::absolute(path).lexically_normal().parent_path().string();
  job.name = fs::path(path).stem().string();
  const Node command_table = root.need("command"), table = root.need("recur");
  const Options command(task::CommandOptions::specs(), command_table), options(specs(), table);
  job.command = std::make_shared<const task::CommandTask>(command, job.folder);
  job.cores_given = command_table.has("cores");
  job.zeus.batch_sizes = options.integers("batch_sizes");
  // Placeholders are checked as those of a study are, whose only parameter is the batch size.
  std::vector<std::string> sizes;
  for (const std::int64_t size : job.zeus.batch_sizes) sizes.push_back(std::to_string(size));
  if (sizes.empty()) throw Error("names no batch size", options.place("batch_sizes"));
  std::sort(sizes.begin(), sizes.end());
  if (const auto twice = std::adjacent_find(sizes.begin(), sizes.end()); twice != sizes.end())
    throw Error(fmt::format("{} stands there twice", *twice), options.place("batch_sizes"));
  task::check_command(job.command->options(), command,
                      space::Space::from_document(
                          Node::parse_toml(fmt::format("batch_size = [{}]", fmt::join(sizes, ", ")), path)));
  for (const std::string& word : job.command->options().run)
    for (const char* name : {"{fidelity}", "{horizon}", "{from}"})  // a study's: nothing says them here
      if (word.find(name) != std::string::npos)
        throw Error(fmt::format("{} is of a study's trials: a job that recurs goes to its target", name),
                    command.place("run"), "its parameter is {batch_size}");
  job.zeus.default_batch = options.integer("default");
  job.zeus.eta = options.real("eta");
  job.zeus.beta = options.real("beta");
  job.zeus.window = options.integer("window");
  job.zeus.rounds = static_cast<int>(options.integer("rounds"));
  job.zeus.seed = static_cast<std::uint64_t>(options.integer("seed"));
  job.target = read_target(table["target"]);
  job.progress = options.text("progress");
  if (options.has("max_progress")) job.max_progress = options.real("max_progress");
  if (!(job.max_progress > 0.0))
    throw Error("must be above 0: every run would be given up at its first report",
                options.place("max_progress"));
  job.tries = static_cast<int>(options.integer("tries"));
  job.stop_at_target = options.text("at_target") == "stop";
  if (job.stop_at_target && job.target.metric.empty())
    throw Error("there is nothing to stop at: the target is the command's own end",
                options.place("at_target"), "target = { metric = \"accuracy\", min = 0.9 }");
  job.energy = options.text("energy");
  job.device = options.text("device");
  if (options.has("power_w")) job.power_w = options.real("power_w");
  job.power = read_power(root);
  if (!job.device.empty()) {
    try {  // also where its power is stated: a name that is no device is a mistake
      const double watts = cost::find_device(job.device).watts;
      if (job.power_w <= 0.0) job.power_w = watts;
    } catch (const Error& error) {
      throw Error(error.message(), options.place("device"), error.hint());
    }
  }
  job.zeus.max_power_w = options.has("max_power_w") ? options.real("max_power_w") : usual_power(job, options);
  if (!job.power.limits_w.empty() && job.power.limits_w.front() > job.zeus.max_power_w)
    throw Error(fmt::format("{} W is below the limit of {} W", real_text(job.zeus.max_power_w),
                            real_text(job.power.limits_w.front())),
                options.place("max_power_w"), "it is the device's highest power");
  try {
    job.zeus.check();
  } catch (const Error& error) {
    throw Error(error.message(), options.place(error.place().key), error.hint());
  }
  (void)job.command->program(job.command->options().run[0]);
  for (const auto& [key, words] : {std::pair{"set", &job.power.set}, std::pair{"get", &job.power.get}}) {
    if (words->empty() || words->front().find("{watts}") != std::string::npos) continue;
    try {
      (void)job.command->program(words->front());
    } catch (const Error& error) {  // whose place is the run's
      throw Error(error.message(), root["power"][key].place(), error.hint());
    }
  }
  return job;
}

}  // namespace hone::run
