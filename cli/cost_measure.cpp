// hone cost measure and runner: designs on another device, and this machine as one.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include <unistd.h>

#include "cost.h"
#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/run/class_count.h"
#include "hone/run/process.h"
#include "hone/run/remote_runner.h"
#include "hone/run/runner.h"
#include "hone/run/trial_edits.h"
#include "interrupt.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

void catch_interrupts() {
  struct sigaction handler {};
  handler.sa_handler = on_interrupt;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaction(number, &handler, nullptr);
}

struct CostMeasureArguments {
  std::string file, on, out, config, engine = "auto";
  std::vector<std::string> words;
  std::int64_t designs = 10, batch = 1, repeats = 10;
  double timeout_s = 120.0, seconds = 5.0;
  bool json = false, quiet = false;
};

/// What an earlier run of the same measured, by config; lines that are cut off are left out.
std::map<std::string, Json> earlier(const std::string& path) {
  std::map<std::string, Json> found;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const Json entry = Json::parse(line, nullptr, false);
    if (entry.is_object() && entry.contains("config") && entry.contains("seconds"))
      found[entry["config"].dump()] = entry;
  }
  return found;
}

std::vector<space::Config> configs_of(const CostMeasureArguments& arguments, const run::StudyFile& file) {
  std::vector<space::Config::Entry> entries;
  if (!arguments.config.empty())
    entries = run::parse_assignments(file.space, parse_json(arguments.config, "--config"));
  for (const std::string& word : arguments.words) {
    const auto more = run::parse_assignment(file.space, word);
    entries.insert(entries.end(), more.begin(), more.end());
  }
  if (!entries.empty()) return {run::config_of(file.space, entries)};
  return run::designs_of(file.space, arguments.designs, arguments.designs, file.seed).configs;
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

int measure(const CostMeasureArguments& arguments) {
  const run::StudyFile file = run::StudyFile::read(arguments.file);
  const auto configs = configs_of(arguments, file);
  const std::string out = arguments.out.empty() ? std::string() : arguments.out;
  auto known = out.empty() ? std::map<std::string, Json>{} : earlier(out);
  catch_interrupts();
  run::RunnerOptions options;
  options.measure_s = arguments.timeout_s;
  options.repeats = arguments.repeats;
  options.seconds = arguments.seconds;
  options.interrupted = [] { return g_interrupted != 0; };
  ProgressLine progress(arguments.quiet);
  Json results = Json::array();
  std::string device, problem;
  std::unique_ptr<run::RemoteRunner> runner;
  const auto keep = [&](const Json& entry) {
    results.push_back(entry);
    if (out.empty()) return;
    // Line by line, so that nothing that was measured is lost.
    std::ofstream file_out(out, std::ios::app);
    file_out << entry.dump() << "\n" << std::flush;
    if (!file_out) throw environment_error(fmt::format("{} cannot be written", out));
  };
  int failed = 0;
  for (std::size_t i = 0; i < configs.size() && g_interrupted == 0; ++i) {
    const Json config = configs[i].json();
    if (const auto found = known.find(config.dump()); found != known.end()) {
      results.push_back(found->second);
      continue;
    }
    const graph::Graph graph = graph_of(file, configs[i], arguments.batch);
    try {
      if (!runner) {
        runner = std::make_unique<run::RemoteRunner>(run::RemoteRunner::command_of(arguments.on), options);
        device = runner->device()["name"].get<std::string>();
      }
      progress.show(fmt::format("{}: {} of {} designs", device, i + 1, configs.size()));
      const run::RunnerResult result = runner->measure(graph);
      keep({{"config", config},
            {"structure", graph::canonical(graph).key.hex()},
            {"device", device},
            {"seconds", result.seconds},
            {"spread", result.spread},
            {"repeats", result.repeats},
            {"disturbed", result.disturbed},
            {"engine", result.engine},
            {"batch", arguments.batch}});
    } catch (const Error& error) {
      if (g_interrupted != 0) break;
      if (error.fault() != Fault::input) {
        problem = error.what();
        break;
      }
      ++failed;
      results.push_back({{"config", config}, {"error", error.what()}});
    }
  }
  progress.clear();
  if (arguments.json) {
    Json document{{"device", runner ? runner->device() : Json()}, {"designs", results}};
    if (!problem.empty()) document["error"] = problem;
    print_json(document);
  } else {
    for (const Json& entry : results)
      if (entry.contains("seconds"))
        std::printf(
            "%-10s  spread %3.0f%%  %s\n", quantity_text("x_s", entry["seconds"].get<double>()).c_str(),
            100.0 * entry["spread"].get<double>(), space::Config::from_json(entry["config"]).shown().c_str());
      else
        std::printf("failed      %s\n            %s\n",
                    space::Config::from_json(entry["config"]).shown().c_str(),
                    entry["error"].get<std::string>().c_str());
  }
  if (!problem.empty()) {
    std::fprintf(stderr, "error: %s\n%s", problem.c_str(),
                 out.empty() || results.empty()
                     ? ""
                     : fmt::format("what was measured is in {}; the same command goes on\n", out).c_str());
    return results.empty() ? kOwnFault : kStopped;
  }
  if (g_interrupted != 0) {
    std::fprintf(stderr, "stopped; these are the measurements that were finished\n");
    return kStopped;
  }
  return failed > 0 && failed == static_cast<int>(configs.size()) ? kInput : kDone;
}

int runner(const CostMeasureArguments& arguments) {
  std::string worker;
  if (arguments.engine != "interpreter") {
    try {
      worker = run::find_program("hone-worker");
    } catch (const Error&) {
      if (arguments.engine == "torch") throw;
    }
  }
  if (!worker.empty()) {
    for (const auto& [name, value] : run::worker_environment()) ::setenv(name.c_str(), value.c_str(), 1);
    ::execl(worker.c_str(), worker.c_str(), "runner", static_cast<char*>(nullptr));
    if (arguments.engine == "torch") throw environment_error("hone-worker cannot be started");
  }
  catch_interrupts();
  run::serve_runner(STDIN_FILENO, STDOUT_FILENO, run::interpreter_engine(),
                    [] { return g_interrupted != 0; });
  return kDone;
}

}  // namespace

void add_cost_measure(CLI::App& cost, Action& action) {
  {
    auto* command = cost.add_subcommand("measure", "Measure designs of a study on another device");
    command->footer(
        "\nThe device runs 'hone cost runner' behind ssh, or any command that speaks its protocol\n"
        "(docs/formats.md) on standard input and output. With --out every measurement is kept as it comes, "
        "and\n"
        "the same command goes on where it stopped.\n"
        "Examples:\n"
        "  hone cost measure cells.toml --on pi@board --designs 20 --out board.jsonl\n"
        "  hone cost measure cells.toml --on 'adb shell /data/local/tmp/runner' --designs 10\n"
        "  hone cost measure licences.toml --on 'hone cost runner' width=64 heads=4 mixer=attention lr=0.01 "
        "norm=rms");
    auto arguments = std::make_shared<CostMeasureArguments>();
    command->add_option("FILE", arguments->file, "The study file")->required();
    command->add_option("VALUES", arguments->words, "NAME=VALUE: this one design");
    command->add_option("--on", arguments->on, "A host's name (by ssh), or a command")->required();
    command->add_option("--config", arguments->config, "A JSON object of parameters: this one design");
    command->add_option("--designs", arguments->designs, "Otherwise so many, drawn by the study's seed")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
    command->add_option("--batch", arguments->batch, "Inputs at once")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
    command->add_option("--repeats", arguments->repeats, "Of a design")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    command->add_option("--seconds", arguments->seconds, "Of measuring a design, at most")
        ->check(CLI::Range(0.01, 3600.0))
        ->capture_default_str();
    command->add_option("--timeout", arguments->timeout_s, "Seconds that a design may take in all")
        ->check(CLI::Range(0.1, 86400.0))
        ->capture_default_str();
    command->add_option("--out", arguments->out, "Append every measurement here, a JSON object a line");
    command->add_flag("--json", arguments->json, "Print one JSON document");
    command->add_flag("--quiet", arguments->quiet, "No progress");
    command->callback([=, &action] { action = [=] { return measure(*arguments); }; });
  }
  {
    auto* command = cost.add_subcommand("runner", "Measure on this machine what comes in on standard input");
    command->footer(
        "\nWhat 'hone cost measure' talks to. Graphs run by LibTorch where hone-worker is beside hone, else "
        "by the\n"
        "reference interpreter.\n"
        "Examples:\n"
        "  hone cost runner\n"
        "  hone cost runner --engine interpreter");
    auto arguments = std::make_shared<CostMeasureArguments>();
    command->add_option("--engine", arguments->engine, "What runs graphs")
        ->check(CLI::IsMember({"auto", "torch", "interpreter"}))
        ->capture_default_str();
    command->callback([=, &action] { action = [=] { return runner(*arguments); }; });
  }
}

}  // namespace hone::cli
