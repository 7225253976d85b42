#include "hone/cost/neural/model.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/cost/mlir/features.h"

namespace hone::cost {

const std::vector<std::string>& neural_kinds() {
  static const std::vector<std::string> names{"bag", "conv1d", "lstm", "transformer", "tokenformer"};
  return names;
}

NeuralKind neural_kind(const std::string& name) {
  const auto& names = neural_kinds();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw Error("there is no neural cost model '" + name + "'", {}, suggest(name, names));
  return static_cast<NeuralKind>(found - names.begin());
}

mlir::Tokens neural_tokens(const std::string& name) {
  if (name == "operations") return mlir::Tokens::operations;
  if (name == "operands") return mlir::Tokens::operands;
  throw Error("there are no tokens '" + name + "'", {}, suggest(name, {"operations", "operands"}));
}

std::string neural_tokens_name(mlir::Tokens tokens) {
  return tokens == mlir::Tokens::operations ? "operations" : "operands";
}

std::int64_t NeuralShape::layer_count() const {
  if (layers > 0) return layers;
  return kind == NeuralKind::conv1d ? 4 : 2;
}

std::int64_t NeuralShape::encoded_width() const { return kind == NeuralKind::bag ? hidden : width; }

void NeuralShape::check() const {
  const auto within = [](const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value < low || value > high)
      throw Error(fmt::format("{} is {}; it is {} to {}", name, value, low, high), Place{"", 0, name});
  };
  within("width", width, 1, 1024);
  within("layers", layers, 0, 16);
  within("heads", heads, 1, 64);
  within("parameter_tokens", parameter_tokens, 1, 4096);
  within("merge", merge, 1, 64);
  within("hidden", hidden, 1, 4096);
  within("length", length, 8, 4096);
  const bool attends = kind == NeuralKind::transformer || kind == NeuralKind::tokenformer;
  if (attends && width % heads != 0)
    throw Error(fmt::format("{} heads do not part a width of {}", heads, width), Place{"", 0, "heads"});
  if (attends && length % merge != 0)
    throw Error(fmt::format("length {} is no multiple of merge {}", length, merge), Place{"", 0, "merge"});
}

double NeuralTarget::transformed(double value) const {
  return (std::log1p(std::max(0.0, value) / scale) - mean) / deviation;
}

double NeuralTarget::value(double z) const {
  return std::max(0.0, scale * std::expm1(std::clamp(z, lowest, highest) * deviation + mean));
}

std::vector<NeuralWeightSpec> NeuralModel::weight_specs() const {
  std::vector<NeuralWeightSpec> specs;
  const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out, double gain = 1.0) {
    specs.push_back({name + ".weight", {in, out}, gain / std::sqrt(static_cast<double>(in))});
    specs.push_back({name + ".bias", {out}});
  };
  const auto tokens = [&](const std::string& name, std::int64_t n, double gain = 1.0) {
    specs.push_back({name + ".keys", {n, shape.width}, 1.0 / std::sqrt(static_cast<double>(shape.width))});
    specs.push_back({name + ".values", {n, shape.width}, gain / std::sqrt(static_cast<double>(n))});
  };
  const auto words = static_cast<std::int64_t>(vocabulary.size());
  const std::int64_t d = shape.width, layers = shape.layer_count();
  if (shape.kind == NeuralKind::bag) {
    specs.push_back({"bag.weight", {words, shape.hidden}, 0.1});
    specs.push_back({"bag.bias", {shape.hidden}});
  } else {
    specs.push_back({"embedding", {words, d}, 0.3});
  }
  // What enters a sum starts small where many blocks add up.
  const double part = 1.0 / std::sqrt(2.0 * static_cast<double>(layers));
  switch (shape.kind) {
    case NeuralKind::bag:
      break;
    case NeuralKind::conv1d:
      for (std::int64_t l = 0; l < layers; ++l) {
        specs.push_back(
            {fmt::format("conv.{}.weight", l), {3, d, d}, std::sqrt(2.0 / (3.0 * static_cast<double>(d)))});
        specs.push_back({fmt::format("conv.{}.bias", l), {d}});
      }
      break;
    case NeuralKind::lstm: {
      const double deviation = 1.0 / std::sqrt(static_cast<double>(d));
      specs.push_back({"lstm.input", {d, 4 * d}, deviation});
      specs.push_back({"lstm.recurrent", {d, 4 * d}, deviation});
      specs.push_back({"lstm.bias", {4 * d}});
      break;
    }
    case NeuralKind::transformer:
    case NeuralKind::tokenformer:
      linear("merge", shape.merge * d, d);
      specs.push_back({"position", {shape.length / shape.merge, d}, 0.1});
      for (std::int64_t l = 0; l < layers; ++l) {
        const std::string block = fmt::format("block.{}.", l);
        if (shape.kind == NeuralKind::tokenformer) {
          for (const char* name : {"query", "key", "value"}) tokens(block + name, shape.parameter_tokens);
          tokens(block + "output", shape.parameter_tokens, part);
          tokens(block + "feed", 2 * shape.parameter_tokens, part);
          continue;
        }
        for (const char* norm : {"attention_norm", "feed_norm"}) {
          specs.push_back({block + norm + ".scale", {d}, 0.0, 1.0});
          specs.push_back({block + norm + ".shift", {d}});
        }
        for (const char* name : {"query", "key", "value"}) linear(block + name, d, d);
        linear(block + "output", d, d, part);
        linear(block + "widen", d, 2 * d);
        linear(block + "narrow", 2 * d, d, part);
      }
      break;
  }
  const auto f = static_cast<std::int64_t>(features.size()), t = static_cast<std::int64_t>(targets.size());
  if (f > 0) {
    specs.push_back({"features.mean", {f}});
    specs.push_back({"features.deviation", {f}, 0.0, 1.0});
    linear("features", f, shape.hidden);
    specs.push_back({"linear.weight", {f, t}});
  }
  linear("hidden", shape.encoded_width() + (f > 0 ? shape.hidden : 0), shape.hidden, std::sqrt(2.0));
  linear("output", shape.hidden, 2 * t, 0.1);
  return specs;
}

std::vector<std::string> bounded_tokens(const mlir::Module& module, int function, const NeuralShape& shape) {
  std::vector<std::string> all = mlir::tokens(module, function, shape.tokens, 4096);
  if (shape.kind == NeuralKind::bag) return all;
  const auto length = static_cast<std::size_t>(shape.length);
  if (all.size() > length) std::erase_if(all, [](const std::string& token) { return token[0] == '%'; });
  if (all.size() > length) {
    const std::size_t head = length / 2;
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(head),
              all.end() - static_cast<std::ptrdiff_t>(length - head));
  }
  return all;
}

const std::vector<std::string>& neural_features() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = mlir::feature_names();
    for (const std::string& name : mlir::loop_feature_names()) all.push_back("loop." + name);
    return all;
  }();
  return names;
}

std::vector<float> squashed_features(const mlir::Module& module, int function,
                                     std::span<const std::string> names, const mlir::CodeTarget& target) {
  std::vector<float> squashed;
  if (names.empty()) return squashed;
  const mlir::Features features = mlir::features(module, function, target);
  std::vector<double> values = features.values;
  const std::size_t columns = mlir::loop_feature_names().size();
  const auto& estimates = features.rows.estimates;
  const auto row =
      static_cast<std::size_t>(std::max_element(estimates.begin(), estimates.end()) - estimates.begin());
  for (std::size_t i = 0; i < columns; ++i)
    values.push_back(estimates.empty() ? 0.0 : features.rows.values[row * columns + i]);
  const std::vector<std::string>& known = neural_features();
  std::size_t at = 0;
  for (const std::string& name : names) {
    // Mostly a model's features are the known ones in their order.
    if (at >= known.size() || known[at] != name)
      at = static_cast<std::size_t>(std::find(known.begin(), known.end(), name) - known.begin());
    if (at >= known.size()) throw Error("there is no feature '" + name + "'");
    const double value = values[at++];
    const double size = std::isfinite(value) ? std::log1p(std::abs(value)) : 0.0;
    squashed.push_back(static_cast<float>(value < 0.0 ? -size : size));
  }
  return squashed;
}

NeuralInput neural_input(const NeuralModel& model, const mlir::Module& module, int function) {
  NeuralInput input;
  input.tokens = model.vocabulary.encode(bounded_tokens(module, function, model.shape));
  if (input.tokens.empty()) input.tokens.push_back(mlir::Vocabulary::kUnknown);
  input.features = squashed_features(module, function, model.features, model.target);
  return input;
}

}  // namespace hone::cost
