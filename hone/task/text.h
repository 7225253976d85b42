#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hone/graph/decoder.h"
#include "hone/task/corpus.h"
#include "hone/task/task.h"

namespace hone::task {

/// What a config means for the task `text`: every setting is fixed in [task], searched in [space], or its
/// default. A plain value.
struct TextSettings {
  // The model.
  std::vector<std::string> mixers;  ///< one a layer, `none` left out
  int width = 64;
  int heads = 4;
  std::string feedforward = "plain";
  int expansion = 4;  ///< hidden = expansion x width
  std::string activation = "gelu";
  std::string norm = "layer";
  std::string position = "rotary";
  bool tied = true;
  int tokens = 0;      ///< 0: width
  int ffn_tokens = 0;  ///< 0: 4 x tokens
  // Its training.
  int context = 64;
  int batch = 16;
  double lr = 3e-3;
  double warmup = 0.05;  ///< share of the horizon
  std::string decay = "cosine";
  double final_lr = 0.1;
  double weight_decay = 0.1;
  double beta2 = 0.95;
  double clip = 1.0;
};

/// Task `text`: character-level language models of a text on this disk. Quality: bits per character on the
/// validation text; cost: seconds per generated token.
class TextTask final : public Task {
 public:
  static constexpr int kVersion = 1;  ///< of what a result means; enters the functional key

  TextTask(Options options, const std::string& folder);

  std::vector<MeasureInfo> measures() const override;
  std::string fidelity_unit() const override { return "steps"; }
  void check(const space::Space& space) const override;
  /// Reads the data. Throws Error at task.data where it is no text, or too little.
  std::string prepare() const override;
  std::string data_identity() const override { return corpus().key().hex(); }
  std::optional<graph::Graph> graph(const space::Config& config) const override;
  /// flops: of the last token of a full window, which attends to all of it.
  study::Measures design_costs(const space::Config& config) const override;
  std::string cost_terms(const space::Config& config) const override;
  bool reports() const override { return false; }
  std::optional<std::string> unseen_by_probe(const space::Config& config) const override;
  std::optional<std::string> seen_by_probe(const space::Config& config) const override;

  /// Throws Error where a value makes no sense.
  TextSettings settings(const space::Config& config) const;
  graph::Graph graph(const TextSettings& settings, int batch, int length) const;
  const Corpus& corpus() const;  ///< read when first asked for; thread safe
  const Options& options() const { return options_; }

  /// Options of the [task] table: the data, and every setting.
  static std::vector<OptionSpec> option_specs();

 private:
  Options options_;
  std::string path_;
  Place place_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<const Corpus> corpus_;
};

}  // namespace hone::task
