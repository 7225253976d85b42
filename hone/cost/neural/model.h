#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/cost/mlir/target.h"
#include "hone/cost/mlir/tokens.h"

namespace hone::cost {

/// What a neural cost model reads a function's tokens with. The first three are those of *ML-driven Hardware
/// Cost Model for MLIR*.
enum class NeuralKind {
  bag,          ///< fully connected on how often each token occurs
  conv1d,       ///< convolutions over the embedded sequence, max pooling between them and over the whole
  lstm,         ///< the last state of a long short-term memory
  transformer,  ///< an encoder of attention blocks, the mean of its outputs
  tokenformer   ///< the same, every linear map of a block replaced by attention to parameter tokens
};

const std::vector<std::string>& neural_kinds();       ///< names, in the order of NeuralKind
NeuralKind neural_kind(const std::string& name);      ///< throws Error where there is no such kind
mlir::Tokens neural_tokens(const std::string& name);  ///< "operations" or "operands"; throws Error
std::string neural_tokens_name(mlir::Tokens tokens);

/// Sizes of a network.
struct NeuralShape {
  NeuralKind kind = NeuralKind::conv1d;
  mlir::Tokens tokens = mlir::Tokens::operands;
  std::int64_t width = 48;             ///< of embedded tokens and hidden states
  std::int64_t layers = 0;             ///< convolutions (default 4) or blocks (default 2); 0: the default
  std::int64_t heads = 4;              ///< of attention
  std::int64_t parameter_tokens = 96;  ///< tokenformer: of each projection; twice as many in the place of the
                                       ///< feed-forward net
  std::int64_t merge = 4;              ///< attention models: so many successive tokens make one position
  std::int64_t hidden = 192;           ///< of the fully connected layers at the end
  std::int64_t length = 256;           ///< most tokens that a sequence model reads (bounded_tokens)

  std::int64_t layer_count() const;
  std::int64_t encoded_width() const;  ///< numbers that the encoder gives
  void check() const;                  ///< throws Error where sizes are out of range or do not fit each other
};

/// One predicted quantity. The network predicts z = (log1p(value / scale) - mean) / deviation, kept within
/// [lowest, highest].
struct NeuralTarget {
  std::string name;
  double scale = 1.0, mean = 0.0, deviation = 1.0;
  double lowest = -1e9, highest = 1e9;
  /// Half the width of the 90% interval of z, in units of the spread that the network predicts: the conformal
  /// quantile on functions that it was not trained on.
  double calibration = 1.0;

  double transformed(double value) const;
  double value(double z) const;  ///< clamps z
};

/// Row-major.
struct NeuralWeight {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

/// A weight that a network has, and how training starts it: normal with that deviation around `constant`.
struct NeuralWeightSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  double deviation = 0.0, constant = 0.0;
};

/// What a weights file's "format" says.
constexpr const char* kNeuralFormat = "hone-cost-model";

/// All that a weights file holds (docs/formats.md, "Neural cost model").
struct NeuralModel {
  NeuralShape shape;
  mlir::Vocabulary vocabulary;
  std::vector<NeuralTarget> targets;
  std::vector<std::string> features;  ///< of neural_features(); empty: tokens alone
  std::map<std::string, NeuralWeight> weights;
  Json provenance = Json::object();
  mlir::CodeTarget target;  ///< what features are computed for; by provenance["labels"]

  /// In a fixed order. A linear map is [in, out]: y = x W + b.
  std::vector<NeuralWeightSpec> weight_specs() const;

  Json json() const;
  /// Throws Error with the file and the key where it is malformed: sizes, missing or misshapen weights,
  /// unknown features, values that are not finite.
  static NeuralModel from_json(const Json& json, const std::string& file);
};

/// What a network is given of one function.
struct NeuralInput {
  std::vector<std::int32_t> tokens;  ///< at least one
  std::vector<float> features;       ///< squashed, not yet standardised
};

/// A function's tokens as a model reads them. bag: the first 4,096. Sequence models, where there are more
/// than `length`: the operands' references (%0) are left out; where there still are, the middle is.
std::vector<std::string> bounded_tokens(const mlir::Module& module, int function, const NeuralShape& shape);

/// Names of what a model may read beside tokens: mlir::feature_names(), then "loop.NAME" for what
/// mlir::loop_feature_names() say of the loop where most cycles are estimated.
const std::vector<std::string>& neural_features();

/// sign(x) log1p(|x|) of the named features, on the machine whose costs are asked for.
std::vector<float> squashed_features(const mlir::Module& module, int function,
                                     std::span<const std::string> names, const mlir::CodeTarget& target = {});

NeuralInput neural_input(const NeuralModel& model, const mlir::Module& module, int function);

}  // namespace hone::cost
