#include "cost_train.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/display.h"
#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/learn/cost_scores.h"

namespace hone::cli {

CLI::App* add_cost_train(CLI::App& app, CostTrainArguments& arguments) {
  auto* command =
      app.add_subcommand("cost-train", "Train a neural cost model on labels that hone-label made");
  auto& training = arguments.training;
  command->add_option("LABELS", arguments.labels, "Data set")->required();
  command->add_option("--out", arguments.output, "Weights file to write");
  command->add_option("--model", arguments.kind, "bag, conv1d, lstm, transformer or tokenformer")
      ->capture_default_str();
  command->add_option("--tokens", arguments.tokens, "operations or operands")->capture_default_str();
  command->add_flag("--no-features", arguments.no_features, "Tokens alone, without features of the text");
  command->add_option("--targets", arguments.targets, "What to predict; all that the labels have")
      ->delimiter(',');
  command->add_option("--hold-out", arguments.held_out, "Families to score on instead of training on them")
      ->delimiter(',');
  command->add_option("--folds", arguments.folds,
                      "Hold every family out once, in so many groups, at most one a family (2 families at "
                      "least); score, and "
                      "calibrate on that");
  command->add_option("--most", arguments.most, "Use so many labels, spread over the data set");
  command->add_option("--seed", training.seed)->capture_default_str();
  command->add_option("--epochs", training.epochs)->capture_default_str();
  command->add_option("--batch", training.batch)->capture_default_str();
  command->add_option("--lr", training.lr)->capture_default_str();
  command->add_option("--dropout", training.dropout)->capture_default_str();
  command->add_option("--word-dropout", training.word_dropout, "Share of tokens that are shown as unknown")
      ->capture_default_str();
  command->add_option("--weight-decay", training.weight_decay)->capture_default_str();
  command->add_option("--width", training.shape.width)->capture_default_str();
  command->add_option("--layers", training.shape.layers, "0: as the kind has it")->capture_default_str();
  command->add_option("--hidden", training.shape.hidden)->capture_default_str();
  command->add_option("--length", training.shape.length, "Most tokens of a function")->capture_default_str();
  command->add_option("--scores", arguments.scores, "JSON file of the scores to write");
  command->add_flag("--quiet", arguments.quiet, "No progress");
  command->add_option("--predictions", arguments.predictions, "CSV file of every scored prediction to write");
  command->add_option("--time", arguments.time, "Stop a training after so long: \"10 min\"");
  command->add_flag("--json", arguments.json);
  return command;
}

namespace {

Json score_json(const learn::NetworkScore& score) {
  return {{"suite", "kernels"},
          {"target", score.target},
          {"model", score.model},
          {"samples", score.accuracy.samples},
          {"mape", finite_or_null(score.accuracy.mape)},
          {"median", finite_or_null(score.median)},
          {"spearman", finite_or_null(score.accuracy.spearman)},
          {"r2", finite_or_null(score.accuracy.r2)},
          {"coverage", finite_or_null(score.coverage)}};
}

void print_scores(const std::vector<learn::NetworkScore>& scores) {
  std::printf("%-24s %-26s %8s %10s %8s %9s %9s %8s\n", "target", "model", "samples", "MAPE", "median",
              "Spearman", "R^2", "in 90%");
  for (const auto& score : scores)
    std::printf("%-24s %-26s %8lld %9.1f%% %7.1f%% %9.3f %9.3f %8s\n", score.target.c_str(),
                score.model.c_str(), static_cast<long long>(score.accuracy.samples),
                100.0 * score.accuracy.mape, 100.0 * score.median, score.accuracy.spearman, score.accuracy.r2,
                std::isnan(score.coverage) ? "" : fmt::format("{:.1f}%", 100.0 * score.coverage).c_str());
}

/// A data set with about `most` labels of every part of it.
void thin(cost::LabelSet& labels, std::int64_t most) {
  const auto n = static_cast<std::int64_t>(labels.labels.size());
  if (most <= 0 || n <= most) return;
  std::vector<cost::Label> kept;
  for (std::int64_t i = 0; i < most; ++i)
    kept.push_back(std::move(labels.labels[static_cast<std::size_t>(i * n / most)]));
  labels.labels = std::move(kept);
}

}  // namespace

int cost_train(CostTrainArguments arguments, const std::function<bool()>& interrupted) {
  learn::CostTraining& training = arguments.training;
  training.shape.kind = cost::neural_kind(arguments.kind);
  training.shape.tokens = cost::neural_tokens(arguments.tokens);
  training.shape.check();
  training.features = !arguments.no_features;
  training.targets = arguments.targets;
  if (!arguments.time.empty()) training.time_s = parse_duration_s(arguments.time, "--time");
  if (training.epochs < 1 || training.batch < 1) throw Error("--epochs and --batch are at least 1");
  for (const double share : {training.dropout, training.word_dropout})
    if (!(share >= 0.0 && share < 1.0))
      throw Error("--dropout and --word-dropout are shares from 0 to less than 1");
  for (const std::string* file : {&arguments.output, &arguments.scores, &arguments.predictions})
    if (!file->empty()) need_writable(*file);
  training.interrupted = interrupted;
  cost::LabelSet labels = cost::read_labels(arguments.labels);
  for (const std::string& family : arguments.held_out)
    if (std::none_of(labels.labels.begin(), labels.labels.end(),
                     [&](const cost::Label& label) { return label.family == family; }))
      throw Error("--hold-out: no label is of a family '" + family + "'");
  thin(labels, arguments.most);
  training.split.held_out = arguments.held_out;

  const double began = monotonic_s();
  const bool terminal = moves_cursor(STDERR_FILENO);
  double last = -1e9;
  training.progress = [&](const learn::CostTraining::Progress& now) {
    const bool final = now.epoch == now.epochs;
    if (arguments.quiet) return;
    if (monotonic_s() - last < (terminal ? 0.2 : 5.0) && !final) return;
    last = monotonic_s();
    std::fprintf(stderr, "%s%lld of %lld epochs   loss %.4f   validation error %.4f   %s%s",
                 terminal ? "\r\x1b[K" : "", static_cast<long long>(now.epoch),
                 static_cast<long long>(now.epochs), now.loss, now.validation,
                 duration_text(monotonic_s() - began).c_str(), terminal && !final ? "" : "\n");
  };
  learn::CostData data = learn::prepare_costs(labels, training);
  labels = {};
  if (data.unreadable > 0)
    std::fprintf(stderr, "%lld labels have texts that cannot be read; they are left out\n",
                 static_cast<long long>(data.unreadable));
  const std::string name =
      fmt::format("{}-{}{}", arguments.kind, arguments.tokens, arguments.no_features ? "" : "-features");
  learn::CostScores scores(name);
  if (arguments.folds > 1) {
    std::set<std::string> families;
    for (const auto& sample : data.samples) families.insert(sample.family);
    arguments.folds = std::min(arguments.folds, static_cast<std::int64_t>(families.size()));
  }
  if (arguments.folds > 0) scores = learn::cross_validate_costs(data, training, arguments.folds, name);
  bool stopped = interrupted();
  if (stopped && arguments.folds > 0) {
    std::fprintf(stderr, "stopped; nothing was written\n");
    return 3;
  }
  Json document = {{"network", name}, {"functions", data.samples.size()}, {"targets", data.targets}};
  if (!arguments.output.empty() || arguments.folds == 0) {
    if (arguments.folds > 0)  // nothing is held out of the model that is kept
      for (auto& sample : data.samples)
        if (sample.split == cost::Split::test) sample.split = cost::Split::train;
    learn::CostTrained trained = learn::train_costs(data, training);
    stopped = stopped || trained.stopped;
    if (stopped && trained.epochs == 0) {
      std::fprintf(stderr, "stopped before the first epoch; nothing was written\n");
      return 3;
    }
    if (arguments.folds == 0) {
      scores.add(data, trained);
    } else {
      learn::calibrate_on(trained.model, scores);
    }
    if (!arguments.output.empty()) {
      trained.model.provenance["scores"] = Json::array();
      for (const auto& score : scores.scores())
        trained.model.provenance["scores"].push_back(score_json(score));
      write_file_atomic(arguments.output, trained.model.json().dump() + "\n");
      document["model"] = std::filesystem::absolute(arguments.output).string();
    }
    document["epochs"] = trained.epochs;
    document["validation"] = trained.validation;
  }
  if (!arguments.predictions.empty()) write_file_atomic(arguments.predictions, scores.table());
  document["scores"] = Json::array();
  for (const auto& score : scores.scores()) document["scores"].push_back(score_json(score));
  if (!arguments.scores.empty()) write_file_atomic(arguments.scores, document.dump() + "\n");
  if (arguments.json) {
    std::printf("%s\n", document.dump(2).c_str());
  } else {
    print_scores(scores.scores());
    if (!arguments.output.empty()) std::printf("saved %s\n", arguments.output.c_str());
  }
  return stopped ? 3 : 0;
}

}  // namespace hone::cli
