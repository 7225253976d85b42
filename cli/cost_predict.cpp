// hone cost learn, predict: costs of MLIR functions by what was learned from labels.
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "cost.h"
#include "hone/base/files.h"
#include "hone/cost/kernels/costs.h"
#include "hone/cost/learn_labels.h"
#include "hone/cost/mlir/assumed.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct LearnArguments {
  std::string labels, out = "costs.json", model = "trees", tokens, time;
  std::vector<std::string> targets;
  std::int64_t trees = 0, members = 0;  ///< 0: not given
  bool json = false, quiet = false;
};

/// A network is trained where LibTorch is.
int learn_network(const LearnArguments& arguments) {
  if (arguments.trees > 0 || arguments.members > 0)
    throw Error("--trees and --members are trees'", Place{"", 0, "--model"});
  std::vector<std::string> words{"cost-train", arguments.labels, "--out",   arguments.out,
                                 "--model",    arguments.model,  "--folds", "5"};
  if (!arguments.tokens.empty()) words.insert(words.end(), {"--tokens", arguments.tokens});
  if (!arguments.targets.empty())
    words.insert(words.end(), {"--targets", fmt::format("{}", fmt::join(arguments.targets, ","))});
  if (!arguments.time.empty()) words.insert(words.end(), {"--time", arguments.time});
  if (arguments.json) words.emplace_back("--json");
  if (arguments.quiet) words.emplace_back("--quiet");
  return become_worker(std::move(words));
}

int learn(const LearnArguments& arguments) {
  need_writable(arguments.out);
  need_other_file(arguments.out, {arguments.labels, arguments.tokens});
  if (arguments.model != "trees") return learn_network(arguments);
  if (!arguments.time.empty() || !arguments.tokens.empty())
    throw Error("--time and --tokens are networks'", Place{"", 0, "--model"});
  catch_interrupts();
  ProgressLine progress(arguments.quiet);
  const cost::LabelSet set = cost::read_labels(arguments.labels);
  const std::vector<cost::CostSample> samples =
      cost::cost_samples(set, [&](std::size_t done, std::size_t all) {
        progress.show(fmt::format("{} of {} functions read", done, all));
        return !interrupted();
      });
  if (samples.empty() && !interrupted())
    throw Error("there are no labelled functions", Place{arguments.labels, 0, ""});
  cost::LearnedCostOptions options;
  if (arguments.trees > 0) options.boosting.trees = static_cast<int>(arguments.trees);
  if (arguments.members > 0) options.members = static_cast<int>(arguments.members);
  options.targets = arguments.targets;
  options.progress = [&](const std::string& what) {
    progress.show(what);
    return !interrupted();
  };
  cost::LearnedCosts model;
  if (!interrupted()) model = cost::LearnedCosts::fit(samples, options);
  progress.clear();
  if (interrupted()) {
    std::fprintf(stderr, "stopped; nothing was written\n");
    return kStopped;
  }
  model.provenance = cost::learned_from(set, samples.size());
  model.provenance["labels"] = std::filesystem::path(arguments.labels).filename().string();
  write_file_atomic(arguments.out, model.json().dump() + "\n");
  if (arguments.json) {
    print_json({{"model", std::filesystem::absolute(arguments.out).string()},
                {"functions", samples.size()},
                {"targets", model.targets()}});
  } else {
    std::printf("%s: %zu targets learned from %zu functions\n", arguments.out.c_str(), model.targets().size(),
                samples.size());
  }
  return kDone;
}

struct PredictArguments {
  std::string file, model = "costs.json";
  bool json = false;
};

/// Of an error bar; null where there is none.
Json bound(double value) { return std::isnan(value) ? Json() : Json(value); }

int predict(const PredictArguments& arguments) {
  if (!std::filesystem::exists(arguments.model))
    throw Error("there is no such model", Place{arguments.model, 0, ""},
                "hone cost learn makes one of labels, which hone-label make measures; --model names it");
  const cost::KernelCosts model = cost::KernelCosts::read(arguments.model);
  const cost::mlir::Module module = read_functions(arguments.file);
  Json list = Json::array();
  const std::vector<int> functions = module.functions();
  const std::vector<std::vector<cost::PredictedCost>> predicted = model.predict(module);
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const std::string name = module.name_of(functions[i]);
    const std::vector<cost::PredictedCost>& costs = predicted[i];
    const std::vector<std::string> assumed = cost::mlir::assumed(module, functions[i]);
    if (arguments.json) {
      Json one{{"function", name}, {"costs", Json::object()}, {"assumed", assumed}};
      for (const cost::PredictedCost& cost : costs)
        one["costs"][cost.target] = {
            {"value", cost.value}, {"low", bound(cost.low)}, {"high", bound(cost.high)}};
      list.push_back(std::move(one));
      continue;
    }
    std::printf("%s\n", name.empty() ? "(no name)" : name.c_str());
    for (const cost::PredictedCost& cost : costs) {
      const std::string bar = std::isnan(cost.low)
                                  ? "no error bar: too few functions were held out"
                                  : fmt::format("9 of 10: {:.4g} to {:.4g}", cost.low, cost.high);
      std::printf("  %-28s %12.4g   (%s)\n", cost.target.c_str(), cost.value, bar.c_str());
    }
    if (!assumed.empty()) std::printf("  assumed: %s\n", fmt::format("{}", fmt::join(assumed, "; ")).c_str());
  }
  const Json& from = model.labels();
  if (arguments.json) {
    print_json({{"file", arguments.file},
                {"model", arguments.model},
                {"kind", model.kind()},
                {"provenance", from},
                {"held_out", model.held_out()},
                {"functions", std::move(list)}});
  } else if (from.contains("machine")) {
    const auto text = [&](const char* key) {
      const auto found = from.find(key);
      return found != from.end() && found->is_string() ? found->get<std::string>() : "unknown";
    };
    std::printf("learned on %s (%s, %s), %s\n", text("machine").c_str(), text("cpu").c_str(),
                text("compiler").c_str(), text("date").c_str());
    if (const std::string of = model.held_out(); of == "groups" || of == "functions")
      std::printf("error bars are of %s of one family that were held out\n", of.c_str());
  }
  return kDone;
}

}  // namespace

void add_cost_predict(CLI::App& cost, Action& action) {
  auto* learn_command = cost.add_subcommand("learn", "Learn costs of MLIR functions from labels");
  learn_command->footer(
      "The labels are what hone-label make wrote: functions that were compiled and run. The model is a JSON "
      "file that needs nothing else; its error bars come from families that were held out. Trees on what the "
      "text says of the loops come nearest; networks on its tokens are those of the literature, and are "
      "trained "
      "by hone-worker (up to six times over, for their error bars).\n"
      "Examples:\n"
      "  hone cost learn labels.jsonl --out costs.json\n"
      "  hone cost learn labels.jsonl --target run_s,instructions --quiet\n"
      "  hone cost learn labels.jsonl --model conv1d --time \"5 min\" --out network.json");
  auto learning = std::make_shared<LearnArguments>();
  learn_command->add_option("LABELS", learning->labels, "The data set")->required();
  learn_command->add_option("--out", learning->out, "Where to write the model")->capture_default_str();
  learn_command->add_option("--target", learning->targets, "Comma separated: which targets; default: all")
      ->delimiter(',');
  std::vector<std::string> kinds = cost::neural_kinds();
  kinds.insert(kinds.begin(), "trees");
  learn_command->add_option("--model", learning->model, "What to learn")
      ->check(CLI::IsMember(std::move(kinds)))
      ->capture_default_str();
  learn_command
      ->add_option("--tokens", learning->tokens,
                   "What a network reads: operations, or operands too, as by default")
      ->check(CLI::IsMember({"operations", "operands"}));
  learn_command->add_option("--time", learning->time, "The longest that one of a network's trainings takes");
  learn_command->add_option("--trees", learning->trees, "Trees of each ensemble; default: 300")
      ->check(whole_number(1, 100000));
  learn_command->add_option("--members", learning->members, "Ensembles averaged; default: 1")
      ->check(whole_number(1, 100));
  learn_command->add_flag("--json", learning->json, "Print one JSON document");
  learn_command->add_flag("--quiet", learning->quiet, "No progress");
  learn_command->callback([learning, &action] { action = [learning] { return learn(*learning); }; });

  auto* predict_command = cost.add_subcommand("predict", "Predict what the functions of an MLIR file cost");
  predict_command->footer(
      "Nothing is compiled or run. Between low and high lie 9 of 10 functions of families that the model has "
      "never seen; what the text leaves open is counted as 64, and named under \"assumed\".\n"
      "Examples:\n"
      "  hone cost predict kernel.mlir --model costs.json\n"
      "  hone cost mlir licences.toml width=64 | hone cost predict - --json");
  auto predicting = std::make_shared<PredictArguments>();
  predict_command->add_option("FILE", predicting->file, "MLIR text; -: standard input")->required();
  predict_command->add_option("--model", predicting->model, "What hone cost learn wrote")
      ->capture_default_str();
  predict_command->add_flag("--json", predicting->json, "Print one JSON document");
  predict_command->callback(
      [predicting, &action] { action = [predicting] { return predict(*predicting); }; });
}

}  // namespace hone::cli
