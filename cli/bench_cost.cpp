// hone bench cost: cost models against each other and against their baselines.
#include "bench_cost.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include <sys/wait.h>

#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/cost/learn_labels.h"
#include "hone/cost/neural/model.h"
#include "hone/run/cost_bench.h"
#include "hone/run/process.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct BenchCostArguments {
  std::string data;
  std::int64_t seeds = 5;
  std::vector<std::string> networks;
  std::string time = "5 min";
  bool json = false, quiet = false;
};

/// Scores of a network that hone-worker trains on a file of labels, families held out as for the trees.
void network_scores(const std::string& labels, const std::string& kind, const BenchCostArguments& arguments,
                    std::vector<run::CostScore>& scores) {
  const ScratchFolder folder("hone-bench");
  const std::string file = folder.path() + "/scores.json", log = folder.path() + "/log";
  const pid_t worker = run::spawn({run::find_program("hone-worker"), "cost-train", labels, "--model", kind,
                                   "--folds", "5", "--time", arguments.time, "--scores", file},
                                  run::worker_environment(), log);
  int status = 0;
  while (::waitpid(worker, &status, WNOHANG) == 0) {
    if (interrupted()) ::kill(worker, SIGKILL);  // what it has is not kept
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  if (interrupted()) return;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const std::string why = WIFEXITED(status) && WEXITSTATUS(status) != kStopped ? run::file_tail(log, 3)
                                                                                 : "hone-worker was stopped";
    std::fprintf(stderr, "%s: no figures of %s: %s\n", labels.c_str(), kind.c_str(), why.c_str());
    return;
  }
  const Json document = parse_json(read_file(file), file);
  for (const Json& one : document["scores"]) {
    if (one["model"] != document["network"]) continue;
    const auto figure = [&](const char* name) {
      return one[name].is_number() ? one[name].get<double>() : std::nan("");
    };
    run::CostScore score{
        run::kernel_suite(labels),
        one["target"].get<std::string>(),
        kind,
        {one["samples"].get<std::int64_t>(), figure("mape"), figure("spearman"), figure("r2")},
        {{"median_error", figure("median")}, {"in_interval", figure("coverage")}}};
    // Behind the others of its target, else of its suite.
    const auto last = [&](const auto& fits) {
      return std::find_if(scores.rbegin(), scores.rend(), fits).base();
    };
    auto behind = last([&](const run::CostScore& other) {
      return other.suite == score.suite && other.target == score.target;
    });
    if (behind == scores.begin())
      behind = last([&](const run::CostScore& other) { return other.suite == score.suite; });
    scores.insert(behind == scores.begin() ? scores.end() : behind, std::move(score));
  }
}

int bench_cost(const BenchCostArguments& arguments) {
  if (!std::filesystem::is_directory(arguments.data))
    throw Error("there is no such folder", Place{arguments.data, 0, ""},
                "--data is a folder with latency/, llm/ or gemm/, or one that hone-label wrote");
  (void)parse_duration_s(arguments.time, "--time");
  const std::vector<std::string> labels = cost::label_files(arguments.data);
  if (!arguments.networks.empty() && labels.empty())
    throw Error("there is nothing to train networks on", Place{arguments.data, 0, ""},
                "it wants what hone-label make wrote");
  catch_interrupts();
  ProgressLine progress(arguments.quiet);
  run::CostBenchOptions options;
  options.seeds = arguments.seeds;
  options.progress = [&](const std::string& what) { progress.show(what); };
  options.interrupted = interrupted;
  std::vector<std::string> skipped;
  options.skipped = [&](const std::string& why) { skipped.push_back(why); };
  std::vector<run::CostScore> scores;
  for (const auto& suite :
       {run::device_scores, run::llm_scores, run::kernel_scores, run::loop_scores, run::gemm_scores})
    if (!interrupted())
      for (auto& score : suite(arguments.data, options)) scores.push_back(std::move(score));
  for (const std::string& kind : arguments.networks)
    for (const std::string& file : labels)
      if (!interrupted()) {
        progress.show(fmt::format("{}: training {}", run::kernel_suite(file), kind));
        network_scores(file, kind, arguments, scores);
      }
  progress.clear();
  if (scores.empty() && !interrupted())
    throw Error(skipped.empty() ? std::string("there is nothing to compare on")
                                : fmt::format("there is nothing to compare on: {}", fmt::join(skipped, "; ")),
                Place{arguments.data, 0, ""},
                "it wants latency/, llm/ or gemm/ as docs/bench.md describes them, or what hone-label wrote");
  for (const std::string& why : skipped) std::fprintf(stderr, "no figures of %s\n", why.c_str());
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
      "cost",
      "Compare cost models: devices, deployments, kernel families and shapes of matrix products held out");
  command->footer(
      "\nExamples:\n"
      "  hone bench cost --data data\n"
      "  hone bench cost --data labels --json\n"
      "  hone bench cost --data labels --networks bag,conv1d --time \"2 min\"");
  auto arguments = std::make_shared<BenchCostArguments>();
  command
      ->add_option("--data", arguments->data,
                   "Folder with latency/, llm/, gemm/, or one that hone-label wrote")
      ->required();
  command->add_option("--seeds", arguments->seeds, "Repetitions where samples are drawn")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  command
      ->add_option("--networks", arguments->networks,
                   "Comma separated, trained by hone-worker on what hone-label wrote: " +
                       fmt::format("{}", fmt::join(cost::neural_kinds(), ", ")))
      ->delimiter(',')
      ->check(CLI::IsMember(cost::neural_kinds()));
  auto* networks = command->get_option("--networks");
  command
      ->add_option("--time", arguments->time,
                   "The longest that one of a network's trainings takes, one a part")
      ->needs(networks)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([=, &action] { action = [=] { return bench_cost(*arguments); }; });
}

}  // namespace hone::cli
