#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/cost/simulator/learner.h"

namespace hone::cost::simulator {
namespace {

constexpr const char* kFormat = "hone-simulated-ipc";
constexpr int kVersion = 1;

/// Six digits: more of a simulation's rates says nothing.
double shortened(double value) { return std::stod(fmt::format("{:.6g}", value)); }

Json sample_json(const IpcSample& sample) {
  Json features = Json::array();
  for (const double value : sample.features) features.push_back(shortened(value));
  return {{"family", sample.family},
          {"kernel", sample.kernel},
          {"core", sample.core},
          {"ipc", shortened(sample.ipc)},
          {"portion_ipc", shortened(sample.portion_ipc)},
          {"instructions", sample.instructions},
          {"portion_instructions", sample.portion_instructions},
          {"portion_s", shortened(sample.portion_s)},
          {"whole_s", shortened(sample.whole_s)},
          {"features", std::move(features)}};
}

IpcSample sample_of(const Json& json, const Place& place) {
  try {
    IpcSample sample;
    sample.family = json.at("family").get<std::string>();
    sample.kernel = json.at("kernel").get<std::uint64_t>();
    sample.core = json.at("core").get<std::uint64_t>();
    sample.ipc = json.at("ipc").get<double>();
    sample.portion_ipc = json.at("portion_ipc").get<double>();
    sample.instructions = json.at("instructions").get<double>();
    sample.portion_instructions = json.at("portion_instructions").get<double>();
    sample.portion_s = json.at("portion_s").get<double>();
    sample.whole_s = json.at("whole_s").get<double>();
    sample.features = json.at("features").get<std::vector<double>>();
    if (sample.features.size() != ipc_feature_names().size())
      throw Error(fmt::format("a pair of {} features, where there are {}", sample.features.size(),
                              ipc_feature_names().size()),
                  place, "made by another version of hone: make it again");
    if (!(sample.ipc > 0.0)) throw Error("an IPC is above 0", place);
    return sample;
  } catch (const nlohmann::json::exception&) {
    throw Error("it is no simulated pair", place, "`hone cost simulate-learn` writes them");
  }
}

}  // namespace

std::string ipc_sample_line(const IpcSample& sample) { return sample_json(sample).dump(); }

IpcSample ipc_sample_of(const std::string& line, const std::string& file, int number) {
  Json json;
  try {
    json = Json::parse(line);
  } catch (const nlohmann::json::exception&) {
    throw Error("it is no JSON", Place{file, number, ""}, "the line may have been cut: remove it");
  }
  return sample_of(json, Place{file, number, ""});
}

Json ipc_evaluation_json(const IpcEvaluation& evaluation) {
  Json json{{"pairs", evaluation.samples},
            {"families", evaluation.families},
            {"held_out_by", evaluation.by_family ? "family" : "pair"},
            {"simulated_share", evaluation.simulated_share},
            {"speedup", evaluation.speedup}};
  Json& list = json["held_out"] = Json::array();
  for (const IpcScore& score : evaluation.scores)
    list.push_back({{"predictor", score.name},
                    {"rmse", score.rmse},
                    {"mean_error", score.mean_error},
                    {"error_90", score.worst_tenth},
                    {"rank_correlation", finite_or_null(score.correlation)}});
  return json;
}

std::string IpcModel::text() const {
  Json json{{"format", kFormat},
            {"version", kVersion},
            {"provenance", provenance_},
            {"pairs_of", ipc_options_json(options_)},
            {"target", ipc_target_name(target_)},
            {"held_out", "families"},
            {"rmse", finite_or_null(rmse_)},
            {"features", ipc_feature_names()}};
  std::string text = json.dump(1);
  // A pair a line, so that the file can be read and compared.
  text.erase(text.rfind('\n'));
  text += ",\n \"pairs\": [\n";
  for (std::size_t i = 0; i < samples_.size(); ++i)
    text += ipc_sample_line(samples_[i]) + (i + 1 < samples_.size() ? ",\n" : "\n");
  return text + "]}\n";
}

void IpcModel::write(const std::string& path) const { write_file_atomic(path, text()); }

IpcModel IpcModel::read(const std::string& path) { return parse(read_file(path), path); }

IpcModel IpcModel::parse(const std::string& text, const std::string& file) {
  const Json json = parse_json(text, file);
  const Place place{file, 0, ""};
  if (!json.is_object() || json_text(json, "format") != kFormat)
    throw Error("it is no model of simulated IPC", place, "`hone cost simulate-learn` writes one");
  if (!json.contains("version") || json["version"] != kVersion)
    throw Error(fmt::format("it is of another version than {}", kVersion), place,
                "learn it again, or use the hone that wrote it");
  if (!json.contains("features") || json["features"] != Json(ipc_feature_names()))
    throw Error("it was learned from other features than this hone has", place, "learn it again");
  if (!json.contains("pairs") || !json["pairs"].is_array() || json["pairs"].size() < 10)
    throw Error("it holds no pairs to grow a forest from", place, "learn it again");
  IpcModel model;
  try {
    model.target_ = ipc_target_of(json_text(json, "target", "ipc"));
  } catch (const Error& error) {
    throw Error(error.message(), place, error.hint());
  }
  for (const Json& one : json["pairs"]) model.samples_.push_back(sample_of(one, place));
  try {
    const Json& of = json.at("pairs_of");
    model.options_.seed = of.at("seed").get<std::uint64_t>();
    model.options_.kernels = of.at("kernels").get<std::int64_t>();
    model.options_.cores_each = of.at("cores_each").get<std::int64_t>();
    model.options_.portion = of.at("portion").get<double>();
    model.options_.least = of.at("least").get<std::uint64_t>();
    model.options_.fewest = of.at("fewest").get<double>();
    model.options_.most = of.at("most").get<double>();
    model.rmse_ = json.at("rmse").is_null() ? kNaN : json.at("rmse").get<double>();
    model.provenance_ = json.value("provenance", Json::object());
  } catch (const nlohmann::json::exception&) {
    throw Error("it does not say how its pairs were made", place, "learn it again");
  }
  const auto need = [&](bool holds, const char* key, const char* what) {
    if (!holds) throw Error(what, Place{file, 0, key}, "learn it again");
  };
  const IpcPairOptions& of = model.options_;
  need(of.portion > 0.0 && of.portion < 1.0, "pairs_of.portion", "a portion lies between 0 and 1");
  need(of.least >= 1, "pairs_of.least", "a portion is at least one instruction");
  need(of.fewest < of.most, "pairs_of.fewest", "the fewest instructions are not fewer than the most");
  need(std::isnan(model.rmse_) || model.rmse_ >= 0.0, "rmse", "an error is not below 0");
  model.grow();
  return model;
}

}  // namespace hone::cost::simulator
