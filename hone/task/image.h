#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hone/task/cell_network.h"
#include "hone/task/images.h"
#include "hone/task/task.h"

namespace hone::task {

/// What a config means for the task `image`: every setting is fixed in [task], searched in [space], or its
/// default; the cells are always searched. A plain value.
struct ImageSettings {
  CellNetwork network;
  int batch = 64;
  std::string optimizer = "sgd";
  double lr = 0.1;
  double momentum = 0.9;  ///< of sgd
  double weight_decay = 5e-4;
  double warmup = 0.0;  ///< share of the horizon
  std::string decay = "cosine";
  double final_lr = 0.0;  ///< over lr
  int crop = 0;           ///< pixels by which a training image may be shifted
  bool flip = false;
  std::int64_t steps_per_unit = 1;  ///< of fidelity
};

/// Task `image`: networks of stacked cells that classify images. Quality: errors on the validation images;
/// cost: seconds an image.
class ImageTask final : public Task {
 public:
  static constexpr int kVersion = 1;  ///< of what a result means; enters the functional key

  ImageTask(Options options, const std::string& folder);

  std::vector<MeasureInfo> measures() const override;
  std::string fidelity_unit() const override { return options_.text("unit"); }
  void check(const space::Space& space) const override;
  std::optional<space::Space> default_space() const override;
  /// Reads the data. Throws Error at task.data where it holds no images, or too few.
  std::string prepare() const override;
  std::string data_identity() const override { return images().key().hex(); }
  std::optional<graph::Graph> graph(const space::Config& config) const override;
  study::Measures design_costs(const space::Config& config) const override;
  bool reports() const override { return false; }
  std::optional<std::string> unseen_by_probe(const space::Config& config) const override;
  std::optional<std::string> seen_by_probe(const space::Config& config) const override;

  /// Throws Error where a value makes no sense.
  ImageSettings settings(const space::Config& config) const;
  const ImageSet& images() const;  ///< read when first asked for; thread safe
  const Options& options() const { return options_; }

  /// Options of the [task] table: the data, and every setting.
  static std::vector<OptionSpec> option_specs();

 private:
  std::optional<CellKind> chosen_kind() const;  ///< nullopt: by the parameters' names

  Options options_;
  std::string path_;
  Place place_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<const ImageSet> images_;
};

}  // namespace hone::task
