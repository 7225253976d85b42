#include "hone/study/journal.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "hone/base/error.h"

namespace hone::study {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

// ---- writing: text straight into the payload, since this is what every trial pays ---------------------

/// An object's text as it grows.
class Payload {
 public:
  Payload& integer(std::string_view name, std::int64_t value) {
    begin(name);
    append_json(text_, value);
    return *this;
  }
  Payload& number(std::string_view name, std::uint64_t value) {
    begin(name);
    const fmt::format_int digits(value);
    text_.append(digits.data(), digits.size());
    return *this;
  }
  Payload& real(std::string_view name, double value) {
    begin(name);
    append_json(text_, value);
    return *this;
  }
  Payload& text(std::string_view name, std::string_view value) {
    begin(name);
    append_json(text_, value);
    return *this;
  }
  Payload& flag(std::string_view name) {
    begin(name);
    text_ += "true";
    return *this;
  }
  Payload& measures(std::string_view name, const Measures& value) {
    begin(name);
    value.append_json(text_);
    return *this;
  }
  Payload& config(std::string_view name, const space::Config& value) {
    begin(name);
    value.append_json(text_);
    return *this;
  }
  Payload& curve(std::string_view name, const Curve& points) {
    begin(name);
    text_ += '[';
    for (std::size_t i = 0; i < points.size(); ++i) {
      text_ += i == 0 ? "[" : ",[";
      append_json(text_, points[i].first);
      text_ += ',';
      append_json(text_, points[i].second);
      text_ += ']';
    }
    text_ += ']';
    return *this;
  }
  Payload& keys(std::string_view name, const std::vector<Key>& keys) {
    begin(name);
    text_ += '[';
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i > 0) text_ += ',';
      append_json(text_, keys[i].hex());
    }
    text_ += ']';
    return *this;
  }
  Event event(const char* kind, std::int64_t trial) {
    text_ += '}';
    return {0, kind, 1, 0.0, std::move(text_), trial};
  }

 private:
  void begin(std::string_view name) {
    if (text_.size() > 1) text_ += ',';
    text_ += '"';
    text_ += name;
    text_ += "\":";
  }
  std::string text_ = "{";
};

void write(Payload& payload, const TrialRecord& r) {
  payload.integer("trial", r.trial)
      .config("config", r.config)
      .text("origin", r.origin)
      .number("seed", r.seed);
  if (r.repeats != 0) payload.integer("repeats", r.repeats);
  if (r.of >= 0) payload.integer("of", r.of).integer("replicate", r.replicate);
}

void write_end(Payload& payload, const EndRecord& r) {
  payload.text("state", state_name(r.state));
  if (!r.reason.empty()) payload.text("reason", r.reason);
  if (!r.cause.empty()) payload.text("cause", r.cause);
  if (r.spent_s != 0.0) payload.real("spent_s", r.spent_s);
  if (r.same_as >= 0) payload.integer("same_as", r.same_as);
  if (r.behind >= 0) payload.integer("behind", r.behind);
  if (!r.curve.empty()) payload.curve("curve", r.curve);
  if (r.lost) payload.flag("lost");
  if (r.vanished) payload.flag("vanished");
  if (r.untrained) payload.flag("untrained");
  if (r.reached) payload.integer("reached", *r.reached);
  if (!r.spent.empty()) payload.measures("spent", r.spent);
}

Event plain(const char* kind, std::int64_t trial, const Json& payload) {
  return {0, kind, 1, 0.0, payload.dump(-1, ' ', false, Json::error_handler_t::replace), trial};
}

Json limits_json(const std::vector<Limit>& limits) {
  Json list = Json::array();
  for (const Limit& limit : limits) {
    Json one{{"name", limit.name}};
    if (limit.max) one["max"] = real_to_json(*limit.max);
    if (limit.min) one["min"] = real_to_json(*limit.min);
    list.push_back(std::move(one));
  }
  return list;
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

// ---- reading ------------------------------------------------------------------------------------------

using Element = simdjson::dom::element;

double real_of(const Element& element) {
  switch (element.type()) {
    case simdjson::dom::element_type::STRING: {
      const std::string_view text = element;
      if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
      if (text == "inf") return std::numeric_limits<double>::infinity();
      if (text == "-inf") return -std::numeric_limits<double>::infinity();
      throw Error(fmt::format("'{}' is not a number", text));
    }
    default:
      return element.get_double().value();
  }
}

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
class Members {
 public:
  explicit Members(const Element& element) : object_(element.get_object().value()) {}

  Element need(std::string_view name) const { return object_[name].value(); }
  std::optional<Element> find(std::string_view name) const {
    Element element;
    if (object_[name].get(element) != simdjson::SUCCESS) return std::nullopt;
    return element;
  }
  std::int64_t integer(std::string_view name) const { return need(name).get_int64().value(); }
  std::int64_t integer(std::string_view name, std::int64_t fallback) const {
    const auto found = find(name);
    return found ? found->get_int64().value() : fallback;
  }
  std::string text(std::string_view name) const { return std::string(need(name).get_string().value()); }
  std::string text(std::string_view name, const char* fallback) const {
    const auto found = find(name);
    return found ? std::string(found->get_string().value()) : std::string(fallback);
  }
  double real(std::string_view name, double fallback) const {
    const auto found = find(name);
    return found ? real_of(*found) : fallback;
  }
  bool flag(std::string_view name) const {
    const auto found = find(name);
    return found && found->get_bool().value();
  }
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

 private:
  simdjson::dom::object object_;
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
  return r;
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
    records.emplace_back(KeysRecord{p.integer("trial"),
                                    Keys{p.key("structural"), p.key("functional"), p.keys("near")},
                                    p.find("costs") ? p.measures("costs") : Measures{},
                                    p.real("probe_s", 0.0), p.real("costs_s", 0.0), p.integer("joins", -1)});
  } else if (event.kind == "result") {
    records.emplace_back(result_of(p));
  } else {
    records.emplace_back(end_of(p));
  }
  return true;
}

}  // namespace

Event encode(const Record& record) {
  return std::visit(
      Overloaded{
          [](const StudyRecord& r) {
            Json objectives = Json::array();
            for (const Objective& objective : r.objectives)
              objectives.push_back({{"name", objective.name}, {"minimize", objective.minimize}});
            Json payload{{"name", r.name},
                         {"file", r.file},
                         {"seed", r.seed},
                         {"objectives", objectives},
                         {"horizon", r.horizon},
                         {"data", r.data},
                         {"unshared", r.unshared},
                         {"costs", r.costs},
                         {"limits", limits_json(r.limits)},
                         {"replicates", r.replicates},
                         {"aggregate", aggregate_names()[static_cast<std::size_t>(r.aggregate)]},
                         {"text", r.text}};
            for (const WarmStudy& study : r.warm) {
              Json results = Json::array();
              for (const auto& [config, values] : study.results) {
                Json reals = Json::array();
                for (const double value : values) reals.push_back(real_to_json(value));
                results.push_back({config.json(), reals});
              }
              payload["warm"].push_back({{"name", study.name}, {"results", results}});
            }
            return plain("study", -1, payload);
          },
          [](const RevisedRecord& r) {
            Json payload{{"file", r.file},
                         {"limits", limits_json(r.limits)},
                         {"replicates", r.replicates},
                         {"aggregate", aggregate_names()[static_cast<std::size_t>(r.aggregate)]},
                         {"changes", r.changes},
                         {"text", r.text}};
            if (r.horizon > 0) payload["horizon"] = r.horizon;
            return plain("revised", -1, payload);
          },
          [](const SessionRecord& r) {
            Json payload{{"workers", r.workers}, {"budget", r.budget}, {"boot", r.boot}};
            if (!r.mark.empty()) payload["mark"] = r.mark;
            return plain("session", -1, payload);
          },
          [](const EndedRecord& r) {
            Json payload{{"why", r.why}};
            if (!r.mark.empty()) payload["mark"] = r.mark;
            return plain("ended", -1, payload);
          },
          [](const TrialRecord& r) {
            Payload payload;
            write(payload, r);
            return payload.event("trial", r.trial);
          },
          [](const StartRecord& r) {
            return Payload()
                .integer("trial", r.trial)
                .integer("attempt", r.attempt)
                .text("worker", r.worker)
                .integer("to", r.to)
                .event("start", r.trial);
          },
          [](const KeysRecord& r) {
            Payload payload;
            payload.integer("trial", r.trial);
            if (!r.keys.structural.none()) payload.text("structural", r.keys.structural.hex());
            if (!r.keys.functional.none()) payload.text("functional", r.keys.functional.hex());
            if (!r.keys.near.empty()) payload.keys("near", r.keys.near);
            if (!r.costs.empty()) payload.measures("costs", r.costs);
            if (r.probe_s != 0.0) payload.real("probe_s", r.probe_s);
            if (r.costs_s != 0.0) payload.real("costs_s", r.costs_s);
            if (r.joins >= 0) payload.integer("joins", r.joins);
            return payload.event("keys", r.trial);
          },
          [](const ResultRecord& r) {
            return Payload()
                .integer("trial", r.trial)
                .integer("attempt", r.attempt)
                .integer("fidelity", r.result.fidelity)
                .measures("measures", r.result.measures)
                .event("result", r.trial);
          },
          [](const EndRecord& r) {
            Payload payload;
            payload.integer("trial", r.trial).integer("attempt", r.attempt);
            write_end(payload, r);
            return payload.event("end", r.trial);
          },
          [](const RetryRecord& r) { return Payload().integer("trial", r.trial).event("retry", r.trial); },
          [](const DeleteRecord& r) { return Payload().integer("trial", r.trial).event("delete", r.trial); },
          [](const LateRecord& r) {
            return plain("late", r.trial,
                         {{"trial", r.trial}, {"attempt", r.attempt}, {"outcome", r.outcome}});
          },
          [](const UnknownRecord&) -> Event { throw internal_error("an unknown record cannot be written"); },
      },
      record);
}

std::vector<Event> encode(std::span<const Record> records) {
  std::vector<Event> events;
  events.reserve(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i + 1 < records.size()) {
      const auto* trial = std::get_if<TrialRecord>(&records[i]);
      const auto* start = std::get_if<StartRecord>(&records[i + 1]);
      if (trial != nullptr && start != nullptr && trial->trial == start->trial) {
        Payload payload;
        write(payload, *trial);
        payload.integer("attempt", start->attempt).text("worker", start->worker).integer("to", start->to);
        events.push_back(payload.event("run", trial->trial));
        ++i;
        continue;
      }
      const auto* result = std::get_if<ResultRecord>(&records[i]);
      const auto* end = std::get_if<EndRecord>(&records[i + 1]);
      if (result != nullptr && end != nullptr && result->trial == end->trial &&
          result->attempt == end->attempt) {
        Payload payload;
        payload.integer("trial", result->trial)
            .integer("attempt", result->attempt)
            .integer("fidelity", result->result.fidelity)
            .measures("measures", result->result.measures);
        write_end(payload, *end);
        events.push_back(payload.event("done", result->trial));
        ++i;
        continue;
      }
    }
    events.push_back(encode(records[i]));
  }
  return events;
}

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
