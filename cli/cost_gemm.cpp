// hone cost gemm: the runtime and power of matrix products, and which tiles to take.
#include "cost_gemm.h"

#include <cstdio>
#include <memory>

#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/run/summary.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct GemmLearnArguments {
  std::vector<std::string> tables;
  std::string out, gpu, hold_out = "shapes";
  bool published = false, json = false, quiet = false;
  std::int64_t trees = 100, depth = 0, min_leaf = 2, folds = 5;
  std::uint64_t seed = 1;
};

std::string gemm_share(double value) {
  return std::isfinite(value) ? fmt::format("{:.1f}%", 100.0 * value) : "-";
}

int gemm_learn(const GemmLearnArguments& arguments) {
  need_writable(arguments.out);
  need_other_file(arguments.out, arguments.tables);
  std::vector<cost::GemmRun> runs;
  std::size_t failed = 0;
  for (const std::string& file : arguments.tables) {
    cost::GemmTable table = cost::read_gemm_table(file);
    if (table.runs.empty())
      throw Error(table.failed > 0 ? "no row is a measurement that succeeded" : "the table has no rows",
                  Place{file, 0, ""});
    failed += table.failed;
    const std::string& device = runs.empty() ? table.runs.front().device : runs.front().device;
    for (const cost::GemmRun& run : table.runs)
      if (run.device != device)
        throw Error(fmt::format("this row is of '{}', and those before it of '{}'", run.device, device),
                    Place{file, run.line, "device"}, "learn each device's by itself");
    std::move(table.runs.begin(), table.runs.end(), std::back_inserter(runs));
  }
  if (runs.size() < 2)
    throw Error("one measured product is too little to learn from", Place{arguments.tables.front(), 0, ""},
                "some hundreds of them, of many shapes and configurations, are few");
  cost::GemmForestOptions options;
  if (!arguments.gpu.empty()) options.gpu = cost::gpu_named(arguments.gpu, "--gpu");
  options.published = arguments.published;
  options.rows_held_out = arguments.hold_out == "rows";
  options.forest.trees = static_cast<std::size_t>(arguments.trees);
  options.forest.max_depth = static_cast<std::size_t>(arguments.depth);
  options.forest.min_leaf = static_cast<std::size_t>(arguments.min_leaf);
  options.forest.seed = arguments.seed;
  options.folds = static_cast<std::size_t>(arguments.folds);
  catch_interrupts();
  ProgressLine progress(arguments.quiet);
  options.progress = [&](const std::string& what) { progress.show("learning: " + what); };
  options.interrupted = interrupted;
  std::optional<cost::GemmForest> forest;
  try {
    forest = cost::GemmForest::learn(runs, options);
  } catch (const Error&) {
    if (!interrupted()) throw;
    progress.clear();
    if (arguments.json) print_json({{"file", nullptr}, {"interrupted", true}});
    std::fprintf(stderr, "stopped; nothing was written\n");
    return kStopped;
  }
  progress.clear();
  const Json document = forest->json();
  const std::string text = document.dump() + "\n";
  write_file_atomic(arguments.out, text);
  if (arguments.json) {
    Json importance = Json::object();
    for (const auto& [name, share] : forest->importance()) importance[name] = share;
    print_json({{"file", arguments.out},
                {"bytes", text.size()},
                {"runs", forest->runs()},
                {"shapes", forest->shapes()},
                {"kernels", forest->kernels().size()},
                {"failed_rows", failed},
                {"power", forest->power()},
                {"device", forest->device()},
                {"held_out", document["held_out"]},
                {"choices", document["choices"]},
                {"importance", importance},
                {"interrupted", false}});
    return kDone;
  }
  std::printf("%s\n", gemm_scores_text(*forest).c_str());
  std::string what;
  const auto importance = forest->importance();
  for (std::size_t i = 0; i < 6 && i < importance.size() && importance[i].second > 0.0; ++i)
    what += fmt::format("{}{} {:.0f}%", what.empty() ? "" : ", ", importance[i].first,
                        100.0 * importance[i].second);
  if (!what.empty()) std::printf("trees split on: %s\n", what.c_str());
  if (failed > 0)
    std::printf("left out: %s\n", failed == 1 ? "1 row that says it failed"
                                              : fmt::format("{} rows that say they failed", failed).c_str());
  if (!forest->power()) std::printf("power was not learned: not every row has it\n");
  bool warps = false;
  for (const auto& kernel : forest->kernels()) warps = warps || kernel.config.warps_m > 0;
  if (!forest->gpu() && warps && !forest->published())
    std::printf("occupancy is not among the features: --gpu says what the table was measured on\n");
  std::printf("%s: %s, %zu kB\n", arguments.out.c_str(),
              forest->device().empty() ? "device not named" : forest->device().c_str(), text.size() / 1000);
  return kDone;
}

void add_gemm_learn(CLI::App& gemm, Action& action) {
  auto* command = gemm.add_subcommand("learn", "Learn runtime and power from measured products");
  std::vector<std::string> names;
  for (const auto& gpu : cost::gpus()) names.push_back(gpu.name);
  command->footer(
      fmt::format("\nTABLE is what `hone cost gemm measure` wrote, or a CSV of cutlass_profiler, to which a "
                  "column power_w "
                  "may\nhave been joined (docs/formats.md). Shapes are held out in turn, with all their "
                  "configurations: what "
                  "is printed\nis how near the forest comes on shapes that it never saw, and how good its "
                  "choices are there.\n"
                  "GPUs: {}; any other as its compute capability and number of multiprocessors: 8.9x46.\n"
                  "Examples:\n"
                  "  hone cost gemm learn cpu.csv --out cpu.json\n"
                  "  hone cost gemm learn profile.gemm.csv --gpu rtx4070 --out rtx4070.json\n"
                  "  hone cost gemm learn profile.gemm.csv --published --out as_published.json",
                  fmt::join(names, ", ")));
  auto arguments = std::make_shared<GemmLearnArguments>();
  command->add_option("TABLE", arguments->tables, "Tables of measured products, of one device")->required();
  command->add_option("--out", arguments->out, "Write what was learned here")->required();
  command->add_option("--gpu", arguments->gpu, "What the tables were measured on, for its occupancy");
  auto* published = command->add_flag("--published", arguments->published,
                                      "As the paper's program does it: nine features, trees of depth 6");
  command->add_option("--trees", arguments->trees, "Trees")
      ->check(whole_number(1, 2000))
      ->capture_default_str()
      ->excludes(published);
  command->add_option("--depth", arguments->depth, "Splits down to a leaf at most; 0: as many as there are")
      ->check(whole_number(0, 100))
      ->capture_default_str()
      ->excludes(published);
  command->add_option("--min-leaf", arguments->min_leaf, "Rows in a leaf at least")
      ->check(whole_number(1, 1000))
      ->capture_default_str()
      ->excludes(published);
  command->add_option("--folds", arguments->folds, "Parts that are held out in turn; 0: none")
      ->check(whole_number(0, 100))
      ->capture_default_str();
  command
      ->add_option("--hold-out", arguments->hold_out,
                   "shapes, or rows as the paper does it, which is easier and says less")
      ->check(CLI::IsMember({"shapes", "rows"}))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "Of trees and parts")
      ->check(not_negative())
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([=, &action] { action = [=] { return gemm_learn(*arguments); }; });
}

}  // namespace

std::string gemm_scores_text(const cost::GemmForest& forest) {
  std::string text =
      fmt::format("{} of {}, {}\n", counted(static_cast<std::int64_t>(forest.runs()), "product"),
                  counted(static_cast<std::int64_t>(forest.shapes()), "shape"),
                  counted(static_cast<std::int64_t>(forest.kernels().size()), "configuration"));
  if (forest.scores().empty())
    return text + "nothing was held out: nothing is known of errors, and there are no error bars\n";
  std::vector<std::vector<std::string>> rows{{forest.rows_held_out() ? "rows held out" : "shapes held out",
                                              "R^2", "mean error", "median error", "rank",
                                              "in 90% interval"}};
  for (const auto& score : forest.scores())
    rows.push_back({score.target, figure(score.accuracy.r2, 3), gemm_share(score.accuracy.mape),
                    gemm_share(score.median_error), figure(score.accuracy.spearman, 3),
                    gemm_share(score.in_interval)});
  text += run::table_text(rows, output_columns());
  const cost::GemmChoices& choices = forest.choices();
  if (choices.shapes == 0) return text;
  // With several layouts or types a shape is a choice in each of them.
  const bool several = choices.shapes > forest.shapes();
  text += fmt::format(
      "chosen among what was measured of {}: {:.2f} times the best one's time (worst {:.2f}),\n"
      "{:.2f} times as fast as the middle one",
      several ? fmt::format("{} groups of a held-out shape, layout and type", choices.shapes)
              : counted(static_cast<std::int64_t>(choices.shapes), "held-out shape"),
      choices.over_best, choices.worst, choices.over_middle);
  if (choices.with_baseline > 0)
    text += fmt::format(", {:.2f} times as fast as the baseline (at most {:.1f} times)", choices.gain,
                        choices.most_gain);
  return text + "\n";
}

void add_cost_gemm(CLI::App& cost, Action& action) {
  auto* gemm = cost.add_subcommand("gemm", "Runtime and power of matrix products; choose their tiles");
  gemm->require_subcommand(1);
  gemm->footer(
      "\nA forest learns from measured products C[m,n] = A[m,k] x B[k,n] what another one takes with another "
      "shape or\ntile, and chooses the tiles. It needs no GPU: hone's own tiled product is measured on this "
      "machine's CPU.\n"
      "Examples:\n"
      "  hone cost gemm measure --out cpu.csv --time \"2 min\"\n"
      "  hone cost gemm learn cpu.csv --out cpu.json\n"
      "  hone cost gemm choose cpu.json -m 300 -n 500 -k 700 --verify");
  add_cost_gemm_measure(*gemm, action);
  add_gemm_learn(*gemm, action);
  add_cost_gemm_use(*gemm, action);
}

}  // namespace hone::cli
