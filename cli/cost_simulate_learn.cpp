// hone cost simulate-learn: pairs of functions and cores, simulated whole, and the forest that they teach.
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <set>

#include "cost.h"
#include "hone/base/appended_file.h"
#include "hone/base/files.h"
#include "hone/cost/simulator/learner.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

namespace ipc = cost::simulator;

struct SimulateLearnArguments {
  ipc::IpcPairOptions options;
  std::string out = "ipc.json", pairs, target = "ipc";
  std::int64_t seed = 1;
  bool json = false, quiet = false;
};

/// Pairs that a run before has written, and which kernels it has done with. The first line says how they were
/// made.
struct Pairs {
  bool begun = false;  ///< there is a first line
  std::vector<ipc::IpcSample> samples;
  std::set<std::uint64_t> cores;  ///< of them: each pair has its own
  std::set<std::uint64_t> done;
};

Json pairs_head(const ipc::IpcPairOptions& options) {
  // How many more are wanted may change from run to run.
  Json head{{"format", "hone-ipc-pairs"}, {"version", 1}, {"pairs_of", ipc::ipc_options_json(options)}};
  head["pairs_of"].erase("kernels");
  head["features"] = ipc::ipc_feature_names().size();
  return head;
}

/// What follows the last kernel that was done with is taken off the file: that run was ended while it wrote,
/// and the kernel is made again. A pair that is there twice, from two runs at once, is taken once: of one
/// that is held out nothing may be learned.
Pairs read_pairs(AppendedFile& appended, const ipc::IpcPairOptions& options) {
  Pairs pairs;
  const std::string& file = appended.path();
  if (!std::filesystem::is_regular_file(file)) return pairs;
  const std::string text = read_file(file);
  const std::string head_line = pairs_head(options).dump();
  std::size_t at = 0, kept = 0;
  int number = 0;
  std::vector<ipc::IpcSample> undone;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    // A first line without an end is another's file, but for the beginning of ours.
    if (end == std::string::npos && (number > 0 || head_line.starts_with(text))) break;
    const std::string line = text.substr(at, end - at);
    at = std::min(end, text.size() - 1) + 1;
    ++number;
    const Place place{file, number, ""};
    if (number == 1) {
      Json head;
      try {
        head = Json::parse(line);
      } catch (const nlohmann::json::exception&) {
      }
      if (!head.is_object() || json_text(head, "format") != "hone-ipc-pairs")
        throw Error("it holds no simulated pairs", place,
                    "--pairs names a file that this command wrote, or none yet");
      if (head != pairs_head(options))
        throw Error("its pairs were made with other options", place,
                    fmt::format("the same options, or another file; it has {}",
                                head.value("pairs_of", Json{}).dump()));
      pairs.begun = true;
      kept = at;
      continue;
    }
    if (line.starts_with("{\"done\":")) {
      pairs.done.insert(static_cast<std::uint64_t>(std::strtoull(line.c_str() + 8, nullptr, 10)));
      for (ipc::IpcSample& one : undone)
        if (pairs.cores.insert(one.core).second) pairs.samples.push_back(std::move(one));
      undone.clear();
      kept = at;
      continue;
    }
    undone.push_back(ipc::ipc_sample_of(line, file, number));
  }
  if (kept < text.size()) appended.cut(kept);
  return pairs;
}

void print_evaluation(const ipc::IpcEvaluation& evaluation) {
  std::printf("IPC of whole runs, %s held out:\n", evaluation.by_family ? "families" : "single pairs");
  std::printf("  %-10s %8s %11s %11s %12s\n", "by", "RMSE", "mean error", "9 of 10 in", "rank corr.");
  for (const ipc::IpcScore& score : evaluation.scores)
    std::printf("  %-10s %8.3f %10.1f%% %10.1f%% %12.3f\n", score.name.c_str(), score.rmse,
                100.0 * score.mean_error, 100.0 * score.worst_tenth, score.correlation);
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

int simulate_learn(SimulateLearnArguments arguments) {
  ipc::IpcPairOptions& options = arguments.options;
  options.seed = static_cast<std::uint64_t>(arguments.seed);
  if (arguments.pairs.empty()) arguments.pairs = arguments.out + ".pairs";
  if (options.fewest >= options.most)
    throw Error("the fewest instructions are not fewer than the most", Place{"", 0, "--fewest"});
  need_writable(arguments.out);
  need_other_file(arguments.out, {arguments.pairs});
  catch_interrupts();
  ProgressLine progress(arguments.quiet);
  AppendedFile file(arguments.pairs, "another run is writing these pairs",
                    "wait until it has ended: this command then goes on behind it; or --pairs names another");
  Pairs pairs = read_pairs(file, options);
  if (!pairs.begun) file.append(pairs_head(options).dump() + "\n");
  const auto all = static_cast<std::uint64_t>(options.kernels);
  bool stopped = false;
  for (std::uint64_t kernel = 0; kernel < all && !stopped; ++kernel) {
    if (!pairs.done.contains(kernel)) {
      std::vector<ipc::IpcSample> made = ipc::make_pairs(options, kernel, [] { return !interrupted(); });
      // Of a function that was not done with nothing is kept.
      if (interrupted()) {
        stopped = true;
        break;
      }
      std::string lines;
      for (const ipc::IpcSample& one : made) lines += ipc::ipc_sample_line(one) + "\n";
      file.append(lines + fmt::format("{{\"done\":{}}}\n", kernel));
      // As their lines say, so that a run that goes on learns the same.
      for (const ipc::IpcSample& one : made)
        pairs.samples.push_back(ipc::ipc_sample_of(ipc::ipc_sample_line(one), arguments.pairs, 0));
    }
    progress.show(fmt::format("{} of {} functions, {} pairs", kernel + 1, all, pairs.samples.size()));
    stopped = interrupted();
  }
  progress.clear();
  if (stopped) {
    std::fprintf(stderr, "stopped; %zu pairs are in %s: the same command goes on\n", pairs.samples.size(),
                 arguments.pairs.c_str());
    return kStopped;
  }
  // Pairs of more functions than were asked for, from a run before, teach as well.
  const ipc::IpcEvaluation evaluation = ipc::evaluate_ipc(pairs.samples),
                           by_pair = ipc::evaluate_ipc(pairs.samples, false);
  const Json provenance{{"date", today()}, {"hone", HONE_VERSION}, {"pairs", arguments.pairs}};
  const ipc::IpcModel model =
      ipc::IpcModel::fit(std::move(pairs.samples), options, provenance, ipc::ipc_target_of(arguments.target));
  model.write(arguments.out);
  if (arguments.json) {
    Json json = ipc::ipc_evaluation_json(evaluation);
    json["by_pair"] = ipc::ipc_evaluation_json(by_pair);
    json["model"] = arguments.out;
    print_json(json);
    return kDone;
  }
  std::printf(
      "%zu pairs of %zu families, %.1f%% of the instructions simulated; simulating whole takes %.1f times as "
      "long\n",
      evaluation.samples, evaluation.families, 100.0 * evaluation.simulated_share, evaluation.speedup);
  print_evaluation(evaluation);
  print_evaluation(by_pair);
  std::printf("written: %s (hone cost simulate FILE.mlir --model %s)\n", arguments.out.c_str(),
              arguments.out.c_str());
  return kDone;
}

}  // namespace

void add_cost_simulate_learn(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand(
      "simulate-learn",
      "Learn to predict a whole simulation's IPC from its first portion, for `hone cost simulate`");
  command->footer(
      "Functions of hone's own generator are simulated whole on cores drawn at random; a random forest "
      "learns\n"
      "the IPC of the whole from what the first portion shows and from the core's numbers. What it says of\n"
      "families of functions that were held out is printed beside linear regression, the portion's own IPC "
      "and\n"
      "the mean. Ctrl-C loses nothing: the same command goes on where it stopped; more --kernels add to it.\n"
      "Examples:\n"
      "  hone cost simulate-learn --out ipc.json\n"
      "  hone cost simulate-learn --out ipc.json --kernels 600 --portion 0.1");
  auto arguments = std::make_shared<SimulateLearnArguments>();
  ipc::IpcPairOptions& options = arguments->options;
  command->add_option("--out", arguments->out, "The model's file; default: ipc.json");
  command->add_option("--pairs", arguments->pairs, "Where pairs are kept meanwhile; default: OUT.pairs");
  command->add_option("--kernels", options.kernels, "Functions to draw; default: 200")
      ->check(whole_number(1, 1000000));
  command->add_option("--cores", options.cores_each, "Cores for each; default: 3")
      ->check(whole_number(1, 1000));
  command->add_option("--portion", options.portion, "Part that is simulated; default: 0.05")
      ->check(between(1e-4, 0.9));
  command->add_option("--least", options.least, "Least instructions of a portion; default: 10000")
      ->check(whole_number(1, 1000000000));
  command
      ->add_option("--fewest", options.fewest,
                   "Functions of fewer instructions are left out; default: 100000")
      ->check(positive());
  command->add_option("--most", options.most, "... and of more; default: 2000000")->check(positive());
  command
      ->add_option(
          "--target", arguments->target,
          "What the forest learns: ipc, or correction: how far it lies from the portion's own; default: ipc")
      ->check(CLI::IsMember({"ipc", "correction"}));
  command->add_option("--seed", arguments->seed, "Of functions and cores; default: 1")
      ->check(whole_number(0, 1000000000000));
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([arguments, &action] { action = [arguments] { return simulate_learn(*arguments); }; });
}

}  // namespace hone::cli
