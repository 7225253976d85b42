// Events to records: the frequent kinds by a parser made for speed, the rare ones as JSON values.
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <simdjson.h>

#include "hone/base/error.h"
#include "hone/base/parsed_json.h"
#include "hone/study/journal.h"

namespace hone::study {
namespace {

using Element = simdjson::dom::element;

Value value_of(const Element& element) {
  switch (element.type()) {
    case simdjson::dom::element_type::BOOL:
      return element.get_bool().value();
    case simdjson::dom::element_type::INT64:
      return element.get_int64().value();
    case simdjson::dom::element_type::STRING:
      return std::string(element.get_string().value());
    default:
      return element.get_double().value();
  }
}

/// A payload's members, with what absent ones stand for.
class Members : public ParsedObject {
 public:
  using ParsedObject::ParsedObject;

  Key key(std::string_view name) const {
    const auto found = find(name);
    return found ? Key::from_hex(found->get_string().value()) : Key{};
  }
  std::vector<Key> keys(std::string_view name) const {
    std::vector<Key> keys;
    const auto found = find(name);
    if (!found) return keys;
    const simdjson::dom::array list = found->get_array().value();
    for (const Element& key : list) keys.push_back(Key::from_hex(key.get_string().value()));
    return keys;
  }
  Measures measures(std::string_view name) const {
    Measures measures;
    const simdjson::dom::object object = need(name).get_object().value();
    for (const auto& [key, value] : object) measures.add(std::string(key), real_of(value));
    return measures;
  }
  space::Config config(std::string_view name) const {
    const auto object = need(name).get_object().value();
    std::vector<space::Config::Entry> entries;
    entries.reserve(object.size());
    for (const auto& [key, value] : object) entries.emplace_back(std::string(key), value_of(value));
    return space::Config(std::move(entries));
  }
  Curve curve(std::string_view name) const {
    Curve curve;
    const auto found = find(name);
    if (!found) return curve;
    const simdjson::dom::array points = found->get_array().value();
    for (const Element& point : points)
      curve.emplace_back(real_of(point.at(0).value()), real_of(point.at(1).value()));
    return curve;
  }
};

TrialRecord trial_of(const Members& p) {
  return {p.integer("trial"),       p.config("config"),
          p.text("origin"),         p.need("seed").get_uint64().value(),
          p.integer("repeats", 0),  p.integer("of", -1),
          p.integer("replicate", 0)};
}

StartRecord start_of(const Members& p) {
  return {p.integer("trial"), p.integer("attempt"), p.text("worker"), p.integer("to")};
}

ResultRecord result_of(const Members& p) {
  return {p.integer("trial"), p.integer("attempt"), {p.integer("fidelity"), p.measures("measures")}};
}

EndRecord end_of(const Members& p) {
  EndRecord r{p.integer("trial"),   p.integer("attempt"),   state_from_name(p.text("state")),
              p.text("reason", ""), p.real("spent_s", 0.0), p.integer("same_as", -1),
              p.curve("curve"),     p.flag("lost"),         p.flag("untrained"),
              p.text("cause", "")};
  r.vanished = p.flag("vanished");
  r.behind = p.integer("behind", -1);
  if (p.find("reached")) r.reached = p.integer("reached");
  if (p.find("spent")) r.spent = p.measures("spent");
  if (p.find("took")) r.took = p.measures("took");
  return r;
}

std::vector<Limit> limits_of(const Json& payload) {
  std::vector<Limit> limits;
  if (!payload.contains("limits")) return limits;
  for (const Json& one : payload.at("limits")) {
    Limit limit{one.at("name"), {}, {}};
    if (one.contains("max")) limit.max = json_to_real(one.at("max"));
    if (one.contains("min")) limit.min = json_to_real(one.at("min"));
    limits.push_back(std::move(limit));
  }
  return limits;
}

StudyRecord study_of(const Json& p) {
  StudyRecord r{p.at("name"),
                p.at("file"),
                p.at("text"),
                p.at("seed"),
                {},
                p.at("horizon"),
                p.value("data", std::string()),
                p.value("unshared", std::vector<std::string>()),
                p.value("costs", std::vector<std::string>()),
                limits_of(p),
                p.value("replicates", std::int64_t{1}),
                aggregate_from_name(p.value("aggregate", std::string("mean")))};
  for (const Json& objective : p.at("objectives"))
    r.objectives.push_back({objective.at("name"), objective.at("minimize")});
  if (r.objectives.empty()) throw Error("it has no objectives");
  for (const Json& warm : p.value("warm", Json::array())) {
    WarmStudy study{warm.at("name")};
    for (const Json& result : warm.at("results")) {
      std::vector<double> values;
      for (const Json& value : result.at(1)) values.push_back(json_to_real(value));
      study.results.emplace_back(space::Config::from_json(result.at(0)), std::move(values));
    }
    r.warm.push_back(std::move(study));
  }
  return r;
}

/// A payload may not be nested deeper: copying and writing such a thing would exhaust the stack.
constexpr int kMaxDepth = 200;

bool read_rare(const Event& event, std::vector<Record>& records) {
  static constexpr std::string_view kRare[] = {"study", "revised", "session", "ended",
                                               "retry", "delete",  "late"};
  if (std::find(std::begin(kRare), std::end(kRare), event.kind) == std::end(kRare)) return false;
  const Json p = Json::parse(event.payload, [](int depth, Json::parse_event_t, const Json&) {
    if (depth > kMaxDepth) throw Error("it is nested too deeply");
    return true;
  });
  if (event.kind == "study") {
    records.emplace_back(study_of(p));
  } else if (event.kind == "revised") {
    records.emplace_back(
        RevisedRecord{p.at("file"), p.at("text"), limits_of(p), p.value("replicates", std::int64_t{1}),
                      aggregate_from_name(p.value("aggregate", std::string("mean"))),
                      p.value("changes", std::vector<std::string>()), p.value("horizon", std::int64_t{0})});
  } else if (event.kind == "session") {
    records.emplace_back(SessionRecord{p.at("workers"), p.at("budget"), p.value("boot", std::string()),
                                       p.value("mark", std::string())});
  } else if (event.kind == "ended") {
    records.emplace_back(EndedRecord{p.at("why"), p.value("mark", std::string())});
  } else if (event.kind == "retry") {
    records.emplace_back(RetryRecord{p.at("trial")});
  } else if (event.kind == "delete") {
    records.emplace_back(DeleteRecord{p.at("trial")});
  } else {
    records.emplace_back(LateRecord{p.at("trial"), p.at("attempt"), p.at("outcome")});
  }
  return true;
}

bool read_frequent(const Event& event, std::vector<Record>& records) {
  static constexpr std::string_view kFrequent[] = {"run", "done", "trial", "start", "keys", "result", "end"};
  if (std::find(std::begin(kFrequent), std::end(kFrequent), event.kind) == std::end(kFrequent)) return false;
  static thread_local simdjson::dom::parser parser;
  const Members p(parser.parse(event.payload).value());
  if (event.kind == "run") {
    records.emplace_back(trial_of(p));
    records.emplace_back(start_of(p));
  } else if (event.kind == "done") {
    records.emplace_back(result_of(p));
    records.emplace_back(end_of(p));
  } else if (event.kind == "trial") {
    records.emplace_back(trial_of(p));
  } else if (event.kind == "start") {
    records.emplace_back(start_of(p));
  } else if (event.kind == "keys") {
    records.emplace_back(
        KeysRecord{p.integer("trial"), Keys{p.key("structural"), p.key("functional"), p.keys("near")},
                   p.find("costs") ? p.measures("costs") : Measures{}, p.real("probe_s", 0.0),
                   p.real("costs_s", 0.0), p.integer("joins", -1), p.text("unhashable", "")});
  } else if (event.kind == "result") {
    records.emplace_back(result_of(p));
  } else {
    records.emplace_back(end_of(p));
  }
  return true;
}

}  // namespace

void decode(const Event& event, std::vector<Record>& records) {
  if (event.version != 1) {
    records.emplace_back(UnknownRecord{});
    return;
  }
  std::string reason;
  try {
    if (read_frequent(event, records) || read_rare(event, records)) return;
    records.emplace_back(UnknownRecord{});
    return;
  } catch (const Json::exception& error) {
    reason = error.what();
  } catch (const simdjson::simdjson_error& error) {
    reason = error.what();
  } catch (const Error& error) {
    reason = error.message();
  }
  throw Error(
      fmt::format("event {} ('{}') of the journal is malformed: {}", event.sequence, event.kind, reason), {},
      "the store is damaged: hone store check says how far");
}

Record decode(const Event& event) {
  std::vector<Record> records;
  decode(event, records);
  return std::move(records.front());
}

}  // namespace hone::study
