#include "hone/run/worker_arguments.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <sstream>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::run {
namespace {

std::int64_t read_count(const char* flag, const std::string& text,
                        std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < 0 || value > most)
    throw Error(fmt::format("expected an integer of 0 or more, found '{}'", text), Place{"", 0, flag});
  return value;
}

/// "0,1" is {"0", "1"}; "" is {}.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

}  // namespace

const std::vector<WorkerFlag>& worker_flags() {
  static const std::vector<WorkerFlag> flags{
      {"--store", "The study's store", true,
       [](WorkerArguments& arguments, const std::string& text) { arguments.store = text; }},
      {"--file", "Where the study file is, if it moved since the study began", false,
       [](WorkerArguments& arguments, const std::string& text) { arguments.file = text; }},
      {"--name", "This worker's name in the journal (default: worker, and a mark of this process)", false,
       [](WorkerArguments& arguments, const std::string& text) { arguments.options.name = text; }},
      {"--search", "The search that it works for, which it ends with; names of its workers end in .SEARCH",
       false, [](WorkerArguments& arguments, const std::string& text) { arguments.options.search = text; }},
      {"--trials", "Trials in all, instead of the study's budget; 0: no bound", false,
       [](WorkerArguments& arguments, const std::string& text) {
         arguments.options.max_trials = read_count("--trials", text);
       }},
      {"--steps", "Resource units in all, instead of the study's budget; 0: no bound", false,
       [](WorkerArguments& arguments, const std::string& text) {
         arguments.options.max_steps = read_count("--steps", text);
       }},
      {"--cores", "Numbers of the cores that its trials may use: 0,1", false,
       [](WorkerArguments& arguments, const std::string& text) {
         arguments.options.cores.clear();
         for (const auto& core : split(text))
           arguments.options.cores.push_back(static_cast<int>(read_count("--cores", core, 1 << 20)));
       }},
      {"--gpus", "GPUs that its trials may use, as CUDA_VISIBLE_DEVICES names them: 0,1", false,
       [](WorkerArguments& arguments, const std::string& text) { arguments.options.gpus = split(text); }}};
  return flags;
}

WorkerArguments read_worker_arguments(const std::vector<std::string>& words) {
  WorkerArguments arguments;
  arguments.options.name = process_name("worker");
  std::vector<std::string> names, given;
  for (const auto& flag : worker_flags()) names.push_back(flag.name);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const WorkerFlag* meant = nullptr;
    for (const auto& flag : worker_flags())
      if (flag.name == name) meant = &flag;
    if (meant == nullptr) throw Error(fmt::format("there is no flag '{}'", name), {}, suggest(name, names));
    if (equals == std::string::npos && ++i == words.size())
      throw Error(fmt::format("{} needs a value", name), {}, meant->summary);
    meant->read(arguments, equals == std::string::npos ? words[i] : words[i].substr(equals + 1));
    given.push_back(name);
  }
  for (const auto& flag : worker_flags())
    if (flag.required && std::find(given.begin(), given.end(), flag.name) == given.end())
      throw Error(fmt::format("{} is missing", flag.name), {}, flag.summary);
  return arguments;
}

int work_as_told(const WorkerArguments& arguments) {
  return work_on(arguments.store, arguments.file, arguments.options) == WorkEnd::finished ? 0 : 3;
}

}  // namespace hone::run
