#include "hone/study/journal.h"

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::study {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

Json curve_json(const Curve& curve) {
  Json list = Json::array();
  for (const auto& [at, value] : curve) list.push_back(Json::array({at, real_to_json(value)}));
  return list;
}

Key key_of(const Json& payload, const char* name) {
  const auto found = payload.find(name);
  return found == payload.end() ? Key{} : Key::from_hex(found->get<std::string>());
}

Event event(const char* kind, const Json& payload) { return {0, kind, 1, 0.0, payload.dump()}; }

}  // namespace

Event encode(const Record& record) {
  return std::visit(
      Overloaded{
          [](const StudyRecord& r) {
            Json objectives = Json::array();
            for (const Objective& objective : r.objectives)
              objectives.push_back({{"name", objective.name}, {"minimize", objective.minimize}});
            return event("study", {{"name", r.name},
                                   {"file", r.file},
                                   {"seed", r.seed},
                                   {"objectives", objectives},
                                   {"horizon", r.horizon},
                                   {"data", r.data},
                                   {"unshared", r.unshared},
                                   {"text", r.text}});
          },
          [](const SessionRecord& r) {
            return event("session", {{"workers", r.workers}, {"budget", r.budget}});
          },
          [](const EndedRecord& r) {
            return event("ended", {{"why", r.why}});
          },
          [](const TrialRecord& r) {
            Json payload{
                {"trial", r.trial}, {"config", r.config.json()}, {"origin", r.origin}, {"seed", r.seed}};
            if (r.repeats != 0) payload["repeats"] = r.repeats;
            return event("trial", payload);
          },
          [](const StartRecord& r) {
            return event("start",
                         {{"trial", r.trial}, {"attempt", r.attempt}, {"worker", r.worker}, {"to", r.to}});
          },
          [](const KeysRecord& r) {
            Json payload{{"trial", r.trial}};
            if (!r.keys.structural.none()) payload["structural"] = r.keys.structural.hex();
            if (!r.keys.functional.none()) payload["functional"] = r.keys.functional.hex();
            if (!r.costs.empty()) payload["costs"] = r.costs.json();
            return event("keys", payload);
          },
          [](const ResultRecord& r) {
            return event("result", {{"trial", r.trial},
                                    {"attempt", r.attempt},
                                    {"fidelity", r.result.fidelity},
                                    {"measures", r.result.measures.json()}});
          },
          [](const EndRecord& r) {
            Json payload{{"trial", r.trial}, {"attempt", r.attempt}, {"state", state_name(r.state)}};
            if (!r.reason.empty()) payload["reason"] = r.reason;
            if (r.spent_s != 0.0) payload["spent_s"] = r.spent_s;
            if (r.same_as >= 0) payload["same_as"] = r.same_as;
            if (!r.curve.empty()) payload["curve"] = curve_json(r.curve);
            if (r.lost) payload["lost"] = true;
            if (r.untrained) payload["untrained"] = true;
            if (!r.cause.empty()) payload["cause"] = r.cause;
            return event("end", payload);
          },
          [](const LateRecord& r) {
            return event("late", {{"trial", r.trial}, {"attempt", r.attempt}, {"outcome", r.outcome}});
          },
          [](const UnknownRecord&) -> Event { throw internal_error("an unknown record cannot be written"); },
      },
      record);
}

Record decode(const Event& event) {
  if (event.version != 1) return UnknownRecord{};
  try {
    const Json p = Json::parse(event.payload);
    if (event.kind == "trial")
      return TrialRecord{p.at("trial"), space::Config::from_json(p.at("config")), p.at("origin"),
                         p.at("seed"), p.value("repeats", std::int64_t{0})};
    if (event.kind == "start") return StartRecord{p.at("trial"), p.at("attempt"), p.at("worker"), p.at("to")};
    if (event.kind == "keys")
      return KeysRecord{p.at("trial"), Keys{key_of(p, "structural"), key_of(p, "functional")},
                        p.contains("costs") ? Measures::from_json(p.at("costs")) : Measures{}};
    if (event.kind == "result")
      return ResultRecord{p.at("trial"), p.at("attempt"),
                          Result{p.at("fidelity"), Measures::from_json(p.at("measures"))}};
    if (event.kind == "end") {
      EndRecord r{p.at("trial"),
                  p.at("attempt"),
                  state_from_name(p.at("state")),
                  p.value("reason", std::string()),
                  p.value("spent_s", 0.0),
                  p.value("same_as", std::int64_t{-1}),
                  {},
                  p.value("lost", false),
                  p.value("untrained", false),
                  p.value("cause", std::string())};
      if (p.contains("curve"))
        for (const Json& point : p.at("curve")) r.curve.emplace_back(point.at(0), json_to_real(point.at(1)));
      return r;
    }
    if (event.kind == "study") {
      StudyRecord r{p.at("name"),
                    p.at("file"),
                    p.at("text"),
                    p.at("seed"),
                    {},
                    p.at("horizon"),
                    p.value("data", std::string()),
                    p.value("unshared", std::vector<std::string>())};
      for (const Json& objective : p.at("objectives"))
        r.objectives.push_back({objective.at("name"), objective.at("minimize")});
      return r;
    }
    if (event.kind == "session") return SessionRecord{p.at("workers"), p.at("budget")};
    if (event.kind == "ended") return EndedRecord{p.at("why")};
    if (event.kind == "late") return LateRecord{p.at("trial"), p.at("attempt"), p.at("outcome")};
    return UnknownRecord{};
  } catch (const Json::exception& error) {
    throw Error(fmt::format("event {} ('{}') of the journal is malformed: {}", event.sequence, event.kind,
                            error.what()),
                {}, "the store is damaged; restore it from a copy");
  }
}

}  // namespace hone::study
