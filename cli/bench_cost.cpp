// hone bench cost: cost models against each other and against their baselines.
#include "bench_cost.h"

#include <cstdio>
#include <filesystem>

#include "hone/run/cost_bench.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct BenchCostArguments {
  std::string data;
  std::int64_t seeds = 5;
  bool json = false, quiet = false;
};

int bench_cost(const BenchCostArguments& arguments) {
  if (!std::filesystem::is_directory(arguments.data))
    throw Error("there is no such folder", Place{arguments.data, 0, ""},
                "--data is a folder with latency/ or llm/, or one that hone-label wrote");
  catch_interrupts();
  ProgressLine progress(arguments.quiet);
  run::CostBenchOptions options;
  options.seeds = arguments.seeds;
  options.progress = [&](const std::string& what) { progress.show(what); };
  options.interrupted = interrupted;
  std::vector<run::CostScore> scores;
  for (const auto& suite : {run::device_scores, run::llm_scores, run::kernel_scores, run::loop_scores})
    if (!interrupted())
      for (auto& score : suite(arguments.data, options)) scores.push_back(std::move(score));
  progress.clear();
  if (scores.empty() && !interrupted())
    throw Error("there is nothing to compare on", Place{arguments.data, 0, ""},
                "it wants latency/ or llm/ as docs/bench.md describes them, or what hone-label wrote");
  if (arguments.json)
    print_json(run::scores_json(scores));
  else
    std::printf("%s", run::scores_text(scores).c_str());
  if (interrupted()) {
    std::fprintf(stderr, "stopped; these are the figures that were finished\n");
    return kStopped;
  }
  return kDone;
}

}  // namespace

void add_bench_cost(CLI::App& bench, Action& action) {
  auto* command = bench.add_subcommand(
      "cost", "Compare cost models: devices and deployments held out, kernel families held out");
  command->footer(
      "\nExamples:\n"
      "  hone bench cost --data data\n"
      "  hone bench cost --data labels --json");
  auto arguments = std::make_shared<BenchCostArguments>();
  command
      ->add_option("--data", arguments->data, "Folder with latency/ and llm/, or one that hone-label wrote")
      ->required();
  command->add_option("--seeds", arguments->seeds, "Repetitions where samples are drawn")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([=, &action] { action = [=] { return bench_cost(*arguments); }; });
}

}  // namespace hone::cli
