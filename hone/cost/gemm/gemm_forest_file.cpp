// What was learned of matrix products, as a file.
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/cost/gemm/gemm_forest.h"

namespace hone::cost {
namespace {

constexpr const char* kGemmFormat = "hone-gemm-forest";
constexpr int kGemmVersion = 1;

const Json& gemm_part(const Json& json, const char* key, const Place& place) {
  if (!json.is_object() || !json.contains(key))
    throw Error(fmt::format("'{}' is missing", key), place, "it wants what hone cost gemm learn wrote");
  return json[key];
}

double gemm_number(const Json& json, const char* key, const Place& place) {
  const Json& value = gemm_part(json, key, place);
  if (!value.is_number() && !value.is_null()) throw Error(fmt::format("'{}' is not a number", key), place);
  return value.is_null() ? kNaN : value.get<double>();
}

std::size_t gemm_count(const Json& json, const char* key, const Place& place) {
  const Json& value = gemm_part(json, key, place);
  if (!value.is_number_unsigned()) throw Error(fmt::format("'{}' is not a whole number", key), place);
  return value.get<std::size_t>();
}

Json shape_json(const GemmShape& shape) { return {shape.m, shape.n, shape.k}; }

GemmShape shape_from(const Json& json, const Place& place) {
  if (!json.is_array() || json.size() != 3 || !json[0].is_number_integer() || !json[1].is_number_integer() ||
      !json[2].is_number_integer())
    throw Error("a shape is three whole numbers", place);
  return {json[0].get<std::int64_t>(), json[1].get<std::int64_t>(), json[2].get<std::int64_t>()};
}

}  // namespace

Json GemmForest::json() const {
  Json kernels = Json::array(), scores = Json::array(), forests = Json::array(), calibration = Json::array();
  for (const Kernel& kernel : kernels_) {
    kernels.push_back(
        {{"config", kernel.config.text()}, {"type", kernel.type}, {"sum_type", kernel.sum_type}});
    if (!kernel.out_type.empty()) kernels.back()["out_type"] = kernel.out_type;
  }
  for (const GemmScore& score : scores_)
    scores.push_back({{"target", score.target},
                      {"samples", score.accuracy.samples},
                      {"mape", finite_or_null(score.accuracy.mape)},
                      {"median_error", finite_or_null(score.median_error)},
                      {"spearman", finite_or_null(score.accuracy.spearman)},
                      {"r2", finite_or_null(score.accuracy.r2)},
                      {"in_interval", finite_or_null(score.in_interval)}});
  for (const auto& forest : forests_) forests.push_back(forest.json());
  for (const Calibration& one : calibration_)
    calibration.push_back({{"floor", one.floor}, {"factor", finite_or_null(one.factor)}});
  return {
      {"format", kGemmFormat},
      {"version", kGemmVersion},
      {"provenance",
       {{"device", device_},
        {"gpu", gpu_ ? Json(fmt::format("{}x{}", gpu_->limits.capability, gpu_->multiprocessors)) : Json()},
        {"gpu_name", gpu_ ? Json(gpu_->name) : Json()},
        {"runs", runs_},
        {"shapes", shapes_},
        {"hone", HONE_VERSION}}},
      {"published", published_},
      {"power", power_},
      {"rows_held_out", rows_held_out_},
      {"features", published_ ? published_gemm_feature_names() : gemm_feature_names()},
      {"least", shape_json(least_)},
      {"largest", shape_json(largest_)},
      {"ranges",
       {{"operations", {finite_or_null(operations_.least), finite_or_null(operations_.largest)}},
        {"batch", {finite_or_null(batch_.least), finite_or_null(batch_.largest)}},
        {"beta", {finite_or_null(beta_.least), finite_or_null(beta_.largest)}}}},
      {"held_out", scores},
      {"choices",
       {{"shapes", choices_.shapes},
        {"over_best", finite_or_null(choices_.over_best)},
        {"worst", finite_or_null(choices_.worst)},
        {"over_middle", finite_or_null(choices_.over_middle)},
        {"with_baseline", choices_.with_baseline},
        {"gain", finite_or_null(choices_.gain)},
        {"most_gain", finite_or_null(choices_.most_gain)}}},
      {"calibration", calibration},
      {"kernels", kernels},
      {"forests", forests}};
}

GemmForest GemmForest::from_json(const Json& json, const Place& place) {
  if (json_text(json, "format") != kGemmFormat)
    throw Error("this is not what hone learned of matrix products", place,
                "hone cost gemm learn TABLE.csv --out FILE writes it");
  if (gemm_part(json, "version", place) != kGemmVersion)
    throw Error(fmt::format("it is of another version than {}", kGemmVersion), place,
                "learn it anew with this hone");
  GemmForest forest;
  const Json& provenance = gemm_part(json, "provenance", place);
  forest.device_ = json_text(provenance, "device");
  forest.runs_ = gemm_count(provenance, "runs", place);
  forest.shapes_ = gemm_count(provenance, "shapes", place);
  if (const std::string gpu = json_text(provenance, "gpu"); !gpu.empty()) {
    try {
      forest.gpu_ = gpu_named(gpu, "gpu");
    } catch (const Error& error) {
      throw Error(error.message(), place, error.hint());
    }
    forest.gpu_->name = json_text(provenance, "gpu_name", gpu);
  }
  for (auto [key, flag] : {std::pair{"published", &forest.published_}, std::pair{"power", &forest.power_},
                           std::pair{"rows_held_out", &forest.rows_held_out_}}) {
    const Json& value = gemm_part(json, key, place);
    if (!value.is_boolean()) throw Error(fmt::format("'{}' is neither true nor false", key), place);
    *flag = value.get<bool>();
  }
  const auto& names = forest.published_ ? published_gemm_feature_names() : gemm_feature_names();
  if (gemm_part(json, "features", place) != Json(names))
    throw Error("it was learned from other features than this hone reckons with", place,
                "learn it anew with this hone");
  forest.least_ = shape_from(gemm_part(json, "least", place), place);
  forest.largest_ = shape_from(gemm_part(json, "largest", place), place);
  // Files of before there were ranges read on; what lies beyond is then not known.
  if (json.contains("ranges"))
    for (auto [key, range] : {std::pair{"operations", &forest.operations_},
                              std::pair{"batch", &forest.batch_}, std::pair{"beta", &forest.beta_}}) {
      const Json& both = gemm_part(json["ranges"], key, place);
      const auto known = [](const Json& value) { return value.is_number() || value.is_null(); };
      if (!both.is_array() || both.size() != 2 || !known(both[0]) || !known(both[1]))
        throw Error(fmt::format("the range of '{}' is not two numbers", key), place);
      *range = {both[0].is_null() ? kNaN : both[0].get<double>(),
                both[1].is_null() ? kNaN : both[1].get<double>()};
    }
  for (const Json& one : gemm_part(json, "held_out", place)) {
    GemmScore score;
    score.target = json_text(one, "target");
    score.accuracy.samples = static_cast<std::int64_t>(gemm_count(one, "samples", place));
    score.accuracy.mape = gemm_number(one, "mape", place);
    score.accuracy.spearman = gemm_number(one, "spearman", place);
    score.accuracy.r2 = gemm_number(one, "r2", place);
    score.median_error = gemm_number(one, "median_error", place);
    score.in_interval = gemm_number(one, "in_interval", place);
    forest.scores_.push_back(std::move(score));
  }
  const Json& choices = gemm_part(json, "choices", place);
  forest.choices_ = {gemm_count(choices, "shapes", place),        gemm_number(choices, "over_best", place),
                     gemm_number(choices, "worst", place),        gemm_number(choices, "over_middle", place),
                     gemm_count(choices, "with_baseline", place), gemm_number(choices, "gain", place),
                     gemm_number(choices, "most_gain", place)};
  const Json& calibration = gemm_part(json, "calibration", place);
  if (!calibration.is_array() || calibration.size() != 3)
    throw Error("'calibration' is no list of three", place);
  for (std::size_t i = 0; i < 3; ++i)
    forest.calibration_[i] = {gemm_number(calibration[i], "floor", place),
                              gemm_number(calibration[i], "factor", place)};
  for (const Json& one : gemm_part(json, "kernels", place)) {
    Kernel kernel{{}, json_text(one, "type"), json_text(one, "sum_type"), json_text(one, "out_type")};
    if (!kernel.out_type.empty()) (void)gemm_type_bytes(kernel.out_type, place);
    // Operations a second were then of a quarter of the operations, which would be told as a fourfold time.
    if (kernel.type.starts_with("cf") && !forest.published_ && !json.contains("ranges"))
      throw Error("it was learned when operations of complex numbers were counted otherwise", place,
                  "learn it anew with this hone");
    (void)gemm_type_bytes(kernel.type, place);
    (void)gemm_type_bytes(kernel.sum_type, place);
    // A table may say nothing of how products were computed.
    if (const std::string text = json_text(one, "config"); !text.empty()) {
      try {
        kernel.config = GemmConfig::parse(text, "kernels");
      } catch (const Error& error) {
        throw Error(error.message(), place);
      }
    }
    forest.kernels_.push_back(std::move(kernel));
  }
  for (const Json& one : gemm_part(json, "forests", place))
    forest.forests_.push_back(predict::MultiForest::from_json(one, place));
  std::size_t targets = 0;
  for (const auto& one : forest.forests_) {
    targets += one.targets();
    if (one.features() != names.size()) throw Error("a forest is of another number of features", place);
  }
  if (targets != (forest.power_ ? 2U : 1U) || forest.kernels_.empty())
    throw Error("its forests do not fit what they are to tell", place);
  return forest;
}

GemmForest GemmForest::load(const std::string& path) {
  return from_json(parse_json(read_file(path), path), Place{path, 0, ""});
}

}  // namespace hone::cost
