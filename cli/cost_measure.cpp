// hone cost measure: designs and functions on another device.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>

#include "cost.h"
#include "given_design.h"
#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/cost/labels.h"
#include "hone/run/class_count.h"
#include "hone/run/remote_runner.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct CostMeasureArguments {
  GivenDesign design;  ///< or a function: *.mlir
  std::string on, out;
  std::int64_t designs = 0, batch = 1, repeats = 10;
  double timeout_s = 120.0, seconds = 5.0;
  bool json = false, quiet = false;
};

/// What tells one measurement from others on the same device at the same batch.
std::string key_of(const Json& entry) {
  return entry.contains("config") ? entry["config"].dump() : json_text(entry, "structure");
}

/// What an earlier run of the same measured on the same device at the same batch, by key_of(); lines that are
/// cut off are left out.
std::map<std::string, Json> earlier(const CostMeasureArguments& arguments) {
  std::map<std::string, Json> found;
  if (arguments.out.empty() || !std::filesystem::exists(arguments.out) || is_device(arguments.out))
    return found;
  std::istringstream lines(read_file(arguments.out));
  std::string line;
  while (std::getline(lines, line)) {
    const Json entry = Json::parse(line, nullptr, false);
    const auto number = [&](const char* key) { return entry.contains(key) && entry[key].is_number(); };
    if (entry.is_object() && number("seconds") && number("spread") && number("batch") &&
        entry["batch"] == arguments.batch && json_text(entry, "on") == arguments.on)
      found[key_of(entry)] = entry;
  }
  return found;
}

/// Appends lines as they come, on a line of their own even where the last one was cut off.
class Lines {
 public:
  explicit Lines(const std::string& path) : path_(path) {
    if (path.empty()) return;
    const std::string before = std::filesystem::is_regular_file(path) ? read_file(path) : "";
    file_.open(path, std::ios::app);
    if (!before.empty() && before.back() != '\n') file_ << '\n';
    check();
  }
  void add(const Json& entry) {
    if (path_.empty()) return;
    file_ << entry.dump() << '\n';
    check();
  }

 private:
  void check() {
    if (!file_.flush()) throw environment_error(fmt::format("{} cannot be written", path_));
  }
  std::string path_;
  std::ofstream file_;
};

std::vector<space::Config> configs_of(const CostMeasureArguments& arguments, const run::StudyFile& file) {
  if (arguments.design.chosen() && arguments.designs > 0)
    throw Error("--designs draws designs, but one is given", Place{"", 0, "--designs"});
  if (arguments.design.chosen()) return {arguments.design.of(file)};
  const std::int64_t count = arguments.designs > 0 ? arguments.designs : 10;
  return run::designs_of(file.space, count, count, file.seed).configs;
}

graph::Graph graph_of(const run::StudyFile& file, const space::Config& config, std::int64_t batch) {
  auto graph = file.task->graph(config);
  if (!graph)
    throw Error(fmt::format("the task '{}' has no graph of a design", file.task_kind),
                Place{file.path, 0, "task.kind"});
  for (const graph::Node& node : graph->nodes())
    if (node.op == "input" && !node.shape.empty()) {
      graph::Shape shape = node.shape;
      shape[0] = batch;
      return graph::canonical_graph(graph->with_input(node.name, shape));
    }
  return *graph;
}

/// Something to be measured.
struct Subject {
  Json about;         ///< {"config": ..}, or {"file": .., "structure": ..}
  std::string shown;  ///< for people
  std::function<run::RunnerResult(run::RemoteRunner&, Json& about)> measure;  ///< may say more about it
};

std::vector<Subject> designs(const CostMeasureArguments& arguments) {
  const auto file = std::make_shared<const run::StudyFile>(run::StudyFile::read(arguments.design.file));
  const auto configs = configs_of(arguments, *file);
  // Where a task has no graphs, that is told before a device is asked.
  if (!configs.empty()) (void)graph_of(*file, configs.front(), arguments.batch);
  std::vector<Subject> subjects;
  for (const space::Config& config : configs)
    subjects.push_back({{{"config", config.json()}},
                        config.shown(),
                        [file, config, batch = arguments.batch](run::RemoteRunner& runner, Json& about) {
                          const graph::Graph graph = graph_of(*file, config, batch);
                          about["structure"] = graph::canonical(graph).key.hex();
                          return runner.measure(graph);
                        }});
  return subjects;
}

std::vector<Subject> function(const CostMeasureArguments& arguments) {
  const std::string& path = arguments.design.file;
  if (arguments.design.chosen()) throw Error("a function in MLIR has no parameters", Place{path, 0, ""});
  const std::string text = read_file(path);
  return {{{{"file", path}, {"structure", hash_key(cost::structure_text(text)).hex()}},
           path,
           [text](run::RemoteRunner& runner, Json&) { return runner.measure_mlir(text); }}};
}

/// "0.0021 J (modelled)  ", where the device says it.
std::string energy_text(const Json& entry) {
  if (!entry.contains("energy_j") || !entry["energy_j"].is_number()) return "";
  const bool modelled = json_text(entry, "energy_from").starts_with("modelled");
  return fmt::format("{:.3g} J ({})  ", entry["energy_j"].get<double>(), modelled ? "modelled" : "measured");
}

void print(const Json& entry, const std::string& shown) {
  if (entry.contains("seconds"))
    std::printf("%-10s  spread %3.0f%%  %s%s\n", quantity_text("x_s", entry["seconds"].get<double>()).c_str(),
                100.0 * entry["spread"].get<double>(), energy_text(entry).c_str(), shown.c_str());
  else
    std::printf("failed      %s\n            %s\n", shown.c_str(), json_text(entry, "error").c_str());
}

int measure(const CostMeasureArguments& arguments) {
  if (!arguments.out.empty()) need_other_file(arguments.out, {arguments.design.file});
  const bool mlir = arguments.design.file.ends_with(".mlir");
  const std::vector<Subject> subjects = mlir ? function(arguments) : designs(arguments);
  const auto known = earlier(arguments);
  Lines lines(arguments.out);
  catch_interrupts();
  run::RunnerOptions options;
  options.measure_s = arguments.timeout_s;
  options.repeats = arguments.repeats;
  options.seconds = arguments.seconds;
  options.interrupted = interrupted;
  ProgressLine progress(arguments.quiet);
  Json results = Json::array();
  std::string device, problem;
  std::unique_ptr<run::RemoteRunner> runner;
  std::size_t failed = 0;
  bool kept = true;
  for (std::size_t i = 0; i < subjects.size() && !interrupted(); ++i) {
    Json entry = subjects[i].about;
    if (const auto found = known.find(key_of(entry)); found != known.end()) {
      results.push_back(found->second);
      continue;
    }
    try {
      if (!runner) {
        const std::string command = run::RemoteRunner::command_of(arguments.on, mlir ? "--engine mlir" : "");
        runner = std::make_unique<run::RemoteRunner>(command, options);
        device = json_text(runner->device(), "name");
      }
      progress.show(fmt::format("{}: {} of {}", device, i + 1, subjects.size()));
      const run::RunnerResult result = subjects[i].measure(*runner, entry);
      entry.update({{"device", device},
                    {"seconds", result.seconds},
                    {"spread", result.spread},
                    {"repeats", result.repeats},
                    {"disturbed", result.disturbed},
                    {"engine", result.engine},
                    {"batch", arguments.batch},
                    {"on", arguments.on}});
      if (std::isfinite(result.energy_j))
        entry.update({{"energy_j", result.energy_j}, {"energy_from", result.energy_from}});
      results.push_back(entry);
      kept = false;
      lines.add(entry);  // one by one, so that nothing that was measured is lost
      kept = true;
    } catch (const Error& error) {
      if (interrupted()) break;
      if (error.fault() != Fault::input) {
        problem = error.what();
        break;
      }
      ++failed;
      entry["error"] = error.what();
      results.push_back(std::move(entry));
    }
  }
  progress.clear();
  if (arguments.json) {
    Json document{{"device", runner ? runner->device() : Json()}, {mlir ? "functions" : "designs", results}};
    if (!problem.empty()) document["error"] = problem;
    print_json(document);
  } else {
    for (std::size_t i = 0; i < results.size(); ++i) print(results[i], subjects[i].shown);
  }
  if (!problem.empty()) {
    std::fprintf(
        stderr, "error: %s\n%s", problem.c_str(),
        arguments.out.empty() || results.empty() || !kept
            ? ""
            : fmt::format("what was measured is in {}; the same command goes on\n", arguments.out).c_str());
    return results.empty() || !kept ? kOwnFault : kStopped;
  }
  if (interrupted()) {
    std::fprintf(stderr, "stopped; these are the measurements that were finished\n");
    return kStopped;
  }
  return failed > 0 && failed == subjects.size() ? kInput : kDone;
}

}  // namespace

void add_cost_measure(CLI::App& cost, Action& action) {
  auto* command =
      cost.add_subcommand("measure", "Measure designs of a study, or a function in MLIR, on another device");
  command->footer(
      "\nThe device runs 'hone cost runner' behind ssh, or any command that speaks its protocol\n"
      "(docs/formats.md) on standard input and output. With --out every measurement is kept as it comes, "
      "and\n"
      "the same command goes on where it stopped.\n"
      "Examples:\n"
      "  hone cost measure cells.toml --on pi@board --designs 20 --out board.jsonl\n"
      "  hone cost measure cells.toml --on 'adb shell /data/local/tmp/runner' --designs 10\n"
      "  hone cost measure licences.toml --on 'hone cost runner' width=64 heads=4\n"
      "  hone cost measure kernel.mlir --on 'hone cost runner --engine mlir'");
  auto arguments = std::make_shared<CostMeasureArguments>();
  command->add_option("FILE", arguments->design.file, "The study file, or a function: *.mlir")->required();
  arguments->design.add_to(*command);
  command->add_option("--on", arguments->on, "A host's name (by ssh), or a command")->required();
  command
      ->add_option("--designs", arguments->designs,
                   "Where no design is given, so many, drawn by the study's seed; default: 10")
      ->check(whole_number(1, 1000000));
  command->add_option("--batch", arguments->batch, "Inputs at once")
      ->check(whole_number(1, 1000000))
      ->capture_default_str();
  command->add_option("--repeats", arguments->repeats, "Of a design")
      ->check(whole_number(1, 100000))
      ->capture_default_str();
  command->add_option("--seconds", arguments->seconds, "Of measuring a design, at most")
      ->check(between(0.01, 3600.0))
      ->capture_default_str();
  command->add_option("--timeout", arguments->timeout_s, "Seconds that a design may take in all")
      ->check(between(0.1, 86400.0))
      ->capture_default_str();
  command->add_option("--out", arguments->out, "Append every measurement here, a JSON object a line");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([=, &action] { action = [=] { return measure(*arguments); }; });
}

}  // namespace hone::cli
