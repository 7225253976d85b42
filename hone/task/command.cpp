#include "hone/task/command.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "hone/base/files.h"
#include "hone/base/key.h"

namespace hone::task {
namespace {

namespace fs = std::filesystem;

/// Hash of a file's content, read in pieces. Throws Error at `place`.
Key file_key(const std::string& path, const Place& place) {
  std::ifstream stream(path, std::ios::binary);
  KeyBuilder builder;
  std::string piece(std::size_t{1} << 20, '\0');
  while (stream) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto size = static_cast<std::size_t>(stream.gcount());
    if (size > 0) builder.key(hash_key(std::string_view(piece).substr(0, size)));
  }
  if (!stream.eof()) throw Error(fmt::format("'{}' cannot be read", path), place);
  return builder.build();
}

bool is_file(const std::string& path) {
  std::error_code code;
  return fs::is_regular_file(path, code);
}

}  // namespace

CommandTask::CommandTask(const Options& options, std::string folder)
    : places_(options), options_(options), folder_(folder.empty() ? "." : std::move(folder)) {
  std::error_code code;
  if (const auto absolute = fs::absolute(folder_, code); !code)
    folder_ = absolute.lexically_normal().string();
}

std::vector<MeasureInfo> CommandTask::measures() const {
  std::vector<MeasureInfo> list;
  const auto own = [&](const std::string& name) {
    return std::any_of(list.begin(), list.end(), [&](const auto& info) { return info.name == name; });
  };
  for (const auto& name : options_.metrics)
    if (!own(name)) list.push_back({name, "reported by the program"});
  for (const auto& name : options_.costs) {
    if (!own(name)) list.push_back({name, "reported by the program"});
    for (auto& info : list)
      if (info.name == name) info.timed = info.unshared = true;
  }
  const auto measured = [&](const char* name, const char* summary) {
    if (!own(name)) list.push_back({name, summary, true, true, false, true});
  };
  measured("seconds", "wall time, with what its checkpoint took before");
  measured("cpu_s", "processor time of all its processes, likewise");
  measured("memory_bytes", "peak memory of the run, all its processes");
  return list;
}

Task::Needs CommandTask::needs() const { return {options_.cores, options_.gpus, options_.rules.grace_s}; }

bool CommandTask::whole_at_one() const {
  if (!options_.unit.empty()) return false;
  const auto mentions = [](const std::string& text) {
    return text.find("{fidelity}") != std::string::npos || text.find("{horizon}") != std::string::npos;
  };
  return std::none_of(options_.run.begin(), options_.run.end(), mentions) &&
         std::none_of(options_.environment.begin(), options_.environment.end(), mentions);
}

void CommandTask::check(const space::Space& space) const { check_command(options_, places_, space); }

std::string CommandTask::program(const std::string& name) const {
  const Place place = places_.place("run");
  const auto relative = [&](const std::string& path) {
    return fs::path(path).is_absolute() ? path : folder_ + "/" + path;
  };
  if (name.find('/') != std::string::npos) {
    const std::string path = relative(name);
    std::error_code code;
    if (!fs::exists(path, code))
      throw Error(fmt::format("there is no program '{}'", name), place,
                  "relative paths start at the study file's folder");
    if (!is_file(path)) throw Error(fmt::format("'{}' is no file", name), place);
    if (::access(path.c_str(), X_OK) != 0)
      throw Error(fmt::format("'{}' is not executable", name), place, fmt::format("chmod +x {}", name));
    return path;
  }
  if (std::string path = program_on_path(name, folder_); !path.empty()) return path;
  std::string hint = name.find(' ') != std::string::npos
                         ? "write program and arguments as a list: run = [\"program\", \"argument\"]"
                         : "install it, or name its path";
  if (is_file(folder_ + "/" + name))
    hint = fmt::format("write ./{} for the file beside the study file", name);
  throw Error(fmt::format("there is no program '{}' in PATH", name), place, hint);
}

std::string CommandTask::prepare() const {
  const std::string& first = options_.run[0];
  if (!has_placeholder(first))
    program(first);
  else if (options_.run.size() == 1 && first.find(' ') != std::string::npos)
    throw Error(fmt::format("'{}' is one word, the name of a program", first), places_.place("run"),
                "write program and arguments as a list: run = [\"program\", \"argument\"]");
  data_identity();
  return {};
}

std::vector<std::string> CommandTask::identity_files() const {
  std::vector<std::string> files;
  const auto inside = [&](const std::string& name) -> std::string {
    if (name.empty() || has_placeholder(name)) return {};
    const fs::path path = fs::path(name).is_absolute() ? fs::path(name) : fs::path(folder_) / name;
    const fs::path from_folder = path.lexically_normal().lexically_relative(folder_);
    return !from_folder.empty() && *from_folder.begin() != ".." && is_file(path.string())
               ? from_folder.string()
               : std::string();
  };
  const std::string& program = options_.run[0];
  if (program.find('/') != std::string::npos) {
    if (const auto file = inside(program); !file.empty()) files.push_back(file);
  }
  // An interpreter: its script is the program.
  for (std::size_t i = 1; files.empty() && i < options_.run.size(); ++i)
    if (const auto file = inside(options_.run[i]); !file.empty()) files.push_back(file);
  for (const auto& input : options_.inputs) {
    const std::string path = fs::path(input).is_absolute() ? input : folder_ + "/" + input;
    if (!is_file(path))
      throw Error(fmt::format("there is no file '{}'", input), places_.place("inputs"),
                  "relative paths start at the study file's folder");
    files.push_back(input);
  }
  return files;
}

std::string CommandTask::data_identity() const {
  std::string text;
  for (const auto& file : identity_files()) {
    const std::string path = fs::path(file).is_absolute() ? file : folder_ + "/" + file;
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : ", ", file, file_key(path, places_.place("run")).hex());
  }
  return text;
}

std::optional<std::string> CommandTask::unseen_by_probe(const space::Config& config) const {
  if (!options_.probe) return std::nullopt;
  Json unseen = Json::object();
  for (const auto& [name, value] : config.entries())
    for (const auto& chosen : options_.probe_unseen)
      if (name == chosen || name.starts_with(chosen + ".")) unseen[name] = value_to_json(value);
  Json literal{{"command", options_.run},
               {"files", data_identity()},
               {"environment", options_.environment},
               {"unseen", unseen}};
  if (options_.probe_batch != "none") literal["batch"] = options_.probe_numbers;
  return literal.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hone::task

HONE_REGISTER(task, command) {
  using namespace hone;
  registry.add(
      "task",
      {.name = "command",
       .summary = "any program, run with the config; it reports measures as JSON lines",
       .paper = "",
       .options = task::CommandOptions::specs(),
       .traits = "any measure, fidelities, checkpoints, probe, time and memory limits, cores and GPUs"},
      task::MakeTask([](const Options& options, const std::string& folder) {
        return std::make_shared<const task::CommandTask>(options, folder);
      }));
}

HONE_REGISTER(evaluator, command) {
  using namespace hone;
  registry.add("evaluator", {.name = "command", .summary = "runs the program under a keeper", .paper = ""},
               task::MakeEvaluator([](std::shared_ptr<const task::Task> made, const Options& options,
                                      const std::string& folder) {
                 auto command = std::dynamic_pointer_cast<const task::CommandTask>(std::move(made));
                 if (command == nullptr) command = std::make_shared<task::CommandTask>(options, folder);
                 return task::make_command_evaluator(std::move(command));
               }));
}
