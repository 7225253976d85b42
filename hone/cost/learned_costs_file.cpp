#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/cost/labels.h"
#include "hone/cost/learned_costs.h"
#include "hone/cost/model_inputs.h"

namespace hone::cost {

Json LearnedCosts::json() const {
  Json json{{"format", "hone-costs"},
            {"version", kVersion},
            {"provenance", provenance},
            {"held_out", held_out},
            {"features", mlir::feature_names()},
            {"loop_features", mlir::loop_feature_names()}};
  Json& list = json["targets"] = Json::array();
  for (const Target& target : targets_) {
    list.push_back(target_json(target));
    if (target.time && !json.contains("time")) target.time->write(json["time"]);
  }
  return json;
}

Json LearnedCosts::target_json(const Target& target) {
  Json json{{"name", target.name},
            {"additive", target.additive},
            {"over_time", target.time != nullptr},
            {"log_error_90", std::isnan(target.error) ? Json() : Json(target.error)}};
  if (target.additive) {
    target.loops.write(json);
  } else {
    Json members = Json::array();
    for (const predict::BoostedTrees& member : target.members) members.push_back(member.json());
    json.update({{"line", {{"weights", target.line.weights()}, {"constant", target.line.constant()}}},
                 {"members", std::move(members)},
                 {"lowest", target.lowest},
                 {"highest", target.highest}});
  }
  return json;
}

/// `columns`: of model_inputs().
LearnedCosts::Target LearnedCosts::target_from(const Json& json, std::size_t columns, const Time& time) {
  const std::size_t loop_columns = mlir::loop_feature_names().size();
  Target target;
  target.name = json.at("name").get<std::string>();
  if (!json.at("log_error_90").is_null()) target.error = json["log_error_90"].get<double>();
  target.additive = json.at("additive").get<bool>();
  if (json.at("over_time").get<bool>()) {
    if (!time) throw Error("learned costs: a rate, and no 'time'");
    target.time = time;
  }
  if (target.additive) {
    target.loops = LoopModel::read(target.name, json);
    return target;
  }
  target.lowest = json.value("lowest", target.lowest);
  target.highest = json.value("highest", target.highest);
  if (!(target.lowest <= target.highest)) throw Error("learned costs: 'lowest' is above 'highest'");
  target.line = predict::Ridge(json.at("line").at("weights").get<std::vector<double>>(),
                               json.at("line").at("constant").get<double>());
  if (target.line.weights().size() != columns - loop_columns)
    throw Error("learned costs: a line of another length");
  for (const Json& member : json.at("members")) {
    target.members.push_back(predict::BoostedTrees::from_json(member));
    if (target.members.back().columns() != columns) throw Error("learned costs: trees of other columns");
  }
  return target;
}

LearnedCosts LearnedCosts::parsed(const Json& json) {
  if (!json.is_object() || json.value("format", Json()) != "hone-costs")
    throw Error("this is no file of learned costs");
  if (!json.contains("version") || !json["version"].is_number_integer() ||
      json["version"].get<std::int64_t>() > kVersion)
    throw Error("learned costs of a later version", {},
                fmt::format("this program reads version {}", kVersion));
  if (json["version"].get<std::int64_t>() < kVersion)
    throw Error("learned costs of an earlier version", {}, "learn them anew: hone cost learn");
  const auto same = [&](const char* member, const std::vector<std::string>& known) {
    const Json names = json.value(member, Json::array());
    return names.is_array() && names.size() == known.size() &&
           std::equal(known.begin(), known.end(), names.begin(),
                      [](const std::string& name, const Json& other) {
                        return other.is_string() && other.get<std::string>() == name;
                      });
  };
  if (!same("features", mlir::feature_names()) || !same("loop_features", mlir::loop_feature_names()))
    throw Error("these costs were learned from other features than this program reads", {},
                "learn them anew: hone cost learn");
  LearnedCosts model;
  if (json.contains("provenance")) model.provenance = json["provenance"];
  if (!model.provenance.is_object()) throw Error("learned costs: the provenance is no JSON object");
  model.target_ = code_target_of(model.provenance);
  const Json held_out = json.value("held_out", Json(model.held_out));
  if (!held_out.is_string()) throw Error("learned costs: 'held_out' is no text");
  model.held_out = held_out.get<std::string>();
  mlir::Features nothing;
  nothing.values.assign(mlir::feature_names().size(), 0.0);
  const std::size_t columns = model_inputs(nothing).size();
  if (!json.contains("targets") || !json["targets"].is_array()) throw Error("learned costs without targets");
  try {
    Time time;
    if (json.contains("time")) time = std::make_shared<const LoopModel>(LoopModel::read(kTime, json["time"]));
    for (const Json& one : json["targets"]) model.targets_.push_back(target_from(one, columns, time));
  } catch (const nlohmann::json::exception& error) {
    throw Error(std::string("learned costs: ") + error.what());
  }
  return model;
}

LearnedCosts LearnedCosts::from_json(const Json& json, const std::string& file) {
  try {
    return parsed(json);
  } catch (const Error& error) {
    if (file.empty() || !error.place().file.empty()) throw;
    throw Error(error.message(), Place{file, 0, ""}, error.hint());
  }
}

LearnedCosts LearnedCosts::read(const std::string& path) {
  return from_json(parse_json(read_file(path), path), path);
}

}  // namespace hone::cost
