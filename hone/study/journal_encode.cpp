// Records to events. Those of trials are written as text straight into the payload, since that is what every
// trial pays; the rare ones as JSON values.
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/study/journal.h"

namespace hone::study {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

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
  if (!r.took.empty()) payload.measures("took", r.took);
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
            if (!r.unhashable.empty()) payload.text("unhashable", r.unhashable);
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

}  // namespace hone::study
