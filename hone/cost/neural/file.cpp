// The weights file of neural cost models.
#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/base64.h"
#include "hone/base/error.h"
#include "hone/cost/labels.h"
#include "hone/cost/neural/model.h"

namespace hone::cost {
namespace {

constexpr int kModelVersion = 1;
constexpr const char* kHint =
    "see \"Neural cost model\" in docs/formats.md; hone cost learn --model writes them";

std::string unit_of(const std::string& name) {
  if (name.ends_with("_per_s")) return name.substr(0, name.size() - 6) + "/s";
  if (name.ends_with("_s")) return "s";
  if (name.ends_with("_bytes")) return "bytes";
  return "";
}

std::string floats_to_base64(const std::vector<float>& values) {
  std::string bytes;
  bytes.reserve(values.size() * 4);
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int byte = 0; byte < 4; ++byte) bytes += static_cast<char>(bits >> (8 * byte) & 255u);
  }
  return to_base64(bytes);
}

std::vector<float> floats_from_base64(const std::string& text) {
  const std::string bytes = from_base64(text);
  if (bytes.size() % 4 != 0) throw Error("the data end within a number");
  std::vector<float> values(bytes.size() / 4);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint32_t bits = 0;
    for (std::size_t byte = 0; byte < 4; ++byte)
      bits |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[4 * i + byte])) << (8 * byte);
    values[i] = std::bit_cast<float>(bits);
    if (!std::isfinite(values[i])) throw Error("a value is not finite");
  }
  return values;
}

double finite(const Json& json, const char* key) {
  const double value = json_to_real(json.at(key));
  if (!std::isfinite(value)) throw Error("it is not finite", Place{"", 0, key});
  return value;
}

NeuralTarget target_from_json(const Json& json, const Json& calibration) {
  NeuralTarget target;
  target.name = json.at("name").get<std::string>();
  const Json& transform = json.at("transform");
  if (transform.at("kind").get<std::string>() != "log1p")
    throw Error("there is no transform '" + transform.at("kind").get<std::string>() + "'", {}, "it is log1p");
  target.scale = finite(transform, "scale");
  target.mean = finite(transform, "mean");
  target.deviation = finite(transform, "deviation");
  target.lowest = finite(transform, "lowest");
  target.highest = finite(transform, "highest");
  target.calibration = finite(calibration, target.name.c_str());
  if (target.scale <= 0.0 || target.deviation <= 0.0 || target.lowest > target.highest ||
      target.calibration < 0.0)
    throw Error("a target's transform is out of range", Place{"", 0, "targets." + target.name});
  return target;
}

NeuralModel read(const Json& json) {
  if (!json.is_object() || json.value("format", "") != kNeuralFormat)
    throw Error("this is no learned cost model");
  if (const auto version = json.at("version").get<std::int64_t>(); version > kModelVersion)
    throw Error(fmt::format("the model has the format's version {}, newer than this program's {}", version,
                            kModelVersion));
  NeuralModel model;
  model.shape.kind = neural_kind(json.at("kind").get<std::string>());
  model.shape.tokens = neural_tokens(json.at("tokens").get<std::string>());
  const Json& sizes = json.at("shape");
  model.shape.width = sizes.at("width").get<std::int64_t>();
  model.shape.layers = sizes.at("layers").get<std::int64_t>();
  model.shape.heads = sizes.at("heads").get<std::int64_t>();
  model.shape.parameter_tokens = sizes.at("parameter_tokens").get<std::int64_t>();
  model.shape.merge = sizes.at("merge").get<std::int64_t>();
  model.shape.hidden = sizes.at("hidden").get<std::int64_t>();
  model.shape.length = sizes.at("length").get<std::int64_t>();
  model.shape.check();
  model.vocabulary = mlir::Vocabulary::from_json(json.at("vocabulary"));
  for (const Json& target : json.at("targets"))
    model.targets.push_back(target_from_json(target, json.at("calibration")));
  if (model.targets.empty()) throw Error("the model predicts nothing", Place{"", 0, "targets"});
  model.features = json.at("features").get<std::vector<std::string>>();
  const auto& known = neural_features();
  for (const std::string& feature : model.features)
    if (std::find(known.begin(), known.end(), feature) == known.end())
      throw Error("the model wants a feature '" + feature + "', which this program does not compute",
                  Place{"", 0, "features"}, "train it anew");
  model.provenance = json.value("provenance", Json::object());
  if (model.provenance.is_object())
    model.target = code_target_of(model.provenance.value("labels", Json::object()));

  const Json& weights = json.at("weights");
  for (const NeuralWeightSpec& spec : model.weight_specs()) {
    const Place place{"", 0, "weights." + spec.name};
    if (!weights.contains(spec.name)) throw Error("a weight is missing", place);
    NeuralWeight weight;
    weight.shape = weights[spec.name].at("shape").get<std::vector<std::int64_t>>();
    if (weight.shape != spec.shape)
      throw Error(fmt::format("the shape is [{}], but the model's sizes make it [{}]",
                              fmt::join(weight.shape, ", "), fmt::join(spec.shape, ", ")),
                  place);
    std::int64_t count = 1;
    for (const std::int64_t size : spec.shape) count *= size;
    try {
      weight.values = floats_from_base64(weights[spec.name].at("data").get<std::string>());
    } catch (const Error& error) {
      throw Error(error.message(), place);
    }
    if (static_cast<std::int64_t>(weight.values.size()) != count)
      throw Error(fmt::format("there are {} values for a shape of {}", weight.values.size(), count), place);
    if (spec.name == "features.deviation")
      for (const float value : weight.values)
        if (value <= 0.0f) throw Error("a deviation is not positive", place);
    model.weights.emplace(spec.name, std::move(weight));
  }
  return model;
}

}  // namespace

Json NeuralModel::json() const {
  Json json = {{"format", kNeuralFormat},
               {"version", kModelVersion},
               {"kind", neural_kinds()[static_cast<std::size_t>(shape.kind)]},
               {"tokens", neural_tokens_name(shape.tokens)},
               {"shape",
                {{"width", shape.width},
                 {"layers", shape.layer_count()},
                 {"heads", shape.heads},
                 {"parameter_tokens", shape.parameter_tokens},
                 {"merge", shape.merge},
                 {"hidden", shape.hidden},
                 {"length", shape.length}}},
               {"vocabulary", vocabulary.json()},
               {"targets", Json::array()},
               {"features", features},
               {"coverage", 0.9},
               {"calibration", Json::object()},
               {"provenance", provenance},
               {"weights", Json::object()}};
  for (const NeuralTarget& target : targets) {
    json["targets"].push_back({{"name", target.name},
                               {"unit", unit_of(target.name)},
                               {"transform",
                                {{"kind", "log1p"},
                                 {"scale", target.scale},
                                 {"mean", target.mean},
                                 {"deviation", target.deviation},
                                 {"lowest", target.lowest},
                                 {"highest", target.highest}}}});
    json["calibration"][target.name] = target.calibration;
  }
  for (const NeuralWeightSpec& spec : weight_specs()) {
    const NeuralWeight& weight = weights.at(spec.name);
    json["weights"][spec.name] = {{"shape", weight.shape}, {"data", floats_to_base64(weight.values)}};
  }
  return json;
}

NeuralModel NeuralModel::from_json(const Json& json, const std::string& file) {
  try {
    return read(json);
  } catch (const Error& error) {
    Place place = error.place();
    place.file = file;
    throw Error(error.message(), place, error.hint().empty() ? kHint : error.hint());
  } catch (const Json::exception& error) {
    throw Error("the learned cost model is malformed", Place{file, 0, ""}, kHint);
  }
}

}  // namespace hone::cost
