#include "hone/run/trial_edits.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/run/optimizer.h"
#include "hone/run/worker.h"
#include "hone/space/scale.h"

namespace hone::run {

using space::Config;
using space::Parameter;
using space::ParameterKind;
using study::TrialState;

namespace {

using Entries = std::vector<Config::Entry>;

constexpr double kTurn_s = 30.0;
/// A proposal may take long, and many may stand in line.
constexpr double kPatience_s = 120.0;
constexpr int kTries = 5;

/// Takes the turn to change the study, brings it up to date, and writes what `plan` says. Nothing is written
/// where that is nothing.
void in_turn(study::Study& study, const std::function<std::vector<study::Record>()>& plan) {
  study.sync();  // most of the reading is done before others wait for this
  study::Store& store = study.store();
  const double until = monotonic_s() + kPatience_s;
  for (int lost = 0; lost < kTries;) {
    const auto lease = store.acquire("ask", process_name("user"), kTurn_s);
    if (!lease) {
      for (const auto& held : store.leases("ask"))
        if (orphaned(held.holder)) store.release(held.lease);
      if (monotonic_s() > until)
        throw environment_error("another process has been proposing trials for two minutes",
                                "try again, or stop the search first");
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    try {
      study.sync();
      const std::vector<study::Record> records = plan();
      if (records.empty()) {
        store.release(*lease);
        return;
      }
      study::Store::Commit leases;
      leases.need = {*lease};
      leases.release = {*lease};
      if (study.commit(records, std::move(leases))) return;
      ++lost;
    } catch (...) {
      store.release(*lease);
      throw;
    }
  }
  throw environment_error("the turn to change the study was lost, again and again", "try again");
}

Error unknown(const space::Space& space, const std::string& name) {
  std::vector<std::string> names = space.names();
  for (const Parameter& parameter : space.parameters())
    if (!parameter.list.empty()) names.push_back(parameter.name);
  return Error(fmt::format("the space has no parameter '{}'", name), Place{"", 0, "space"},
               suggest(name, names));
}

const Parameter& parameter_of(const space::Space& space, const std::string& name) {
  const auto index = space.index(name);
  if (!index) throw unknown(space, name);
  return space.parameter(*index);
}

/// The value of a choice that is nearest to what was given: by number, else by spelling; "" where none is.
std::string nearest_choice(const Parameter& parameter, const Value& value) {
  const auto is_number = [](const Value& one) {
    return !std::holds_alternative<std::string>(one) && !std::holds_alternative<bool>(one);
  };
  if (is_number(value) && std::all_of(parameter.choices.begin(), parameter.choices.end(), is_number)) {
    const auto distance = [&](const Value& choice) {
      return std::abs(value_real(choice) - value_real(value));
    };
    const auto best =
        std::min_element(parameter.choices.begin(), parameter.choices.end(),
                         [&](const Value& a, const Value& b) { return distance(a) < distance(b); });
    return fmt::format("the nearest is {}", value_text(*best));
  }
  std::vector<std::string> texts;
  for (const Value& choice : parameter.choices) texts.push_back(value_text(choice));
  return suggest(value_text(value), texts);
}

/// The value in the kind of its parameter, which must have it: searchers may clamp, users are told.
Value checked(const Parameter& parameter, const Value& value) {
  const auto wrong = [&](const std::string& nearest) {
    const std::string hint = "it is " + parameter.shown();
    return Error(fmt::format("{} is no value of '{}'", value_quoted(value), parameter.name), {},
                 nearest.empty() ? hint : hint + "; " + nearest);
  };
  switch (parameter.kind) {
    case ParameterKind::choice:
    case ParameterKind::ordinal:
      for (const Value& choice : parameter.choices)
        if (value_same(choice, value) || value_text(choice) == value_text(value)) return choice;
      throw wrong(nearest_choice(parameter, value));
    case ParameterKind::flag:
      if (!std::holds_alternative<bool>(value)) throw wrong("");
      return value;
    case ParameterKind::integer:
    case ParameterKind::real:
      break;
  }
  if (std::holds_alternative<std::string>(value) || std::holds_alternative<bool>(value)) throw wrong("");
  const double number = value_real(value);
  if (std::isnan(number)) throw wrong("");
  const double clamped = std::clamp(number, parameter.low, parameter.high);
  const bool whole = parameter.kind == ParameterKind::integer;
  const double nearest =
      space::Scale(parameter).canonical(Value(whole ? std::nearbyint(clamped) : clamped)).number();
  // That a real is kept to its resolution is not worth a refusal; who asked is told.
  if (clamped != number || (whole && nearest != number))
    throw wrong(fmt::format("the nearest is {}", real_text(nearest)));
  if (!whole) return number;
  return static_cast<std::int64_t>(number);
}

/// What a word on a command line means: true, 64, 0.01, or itself.
Value value_of_word(const std::string& word) {
  if (word == "true") return true;
  if (word == "false") return false;
  std::int64_t integer = 0;
  const char* end = word.data() + word.size();
  if (auto [stop, code] = std::from_chars(word.data(), end, integer); code == std::errc() && stop == end)
    return integer;
  double real = 0.0;
  if (auto [stop, code] = std::from_chars(word.data(), end, real);
      code == std::errc() && stop == end && std::isfinite(real))
    return real;
  return word;
}

/// Some value, where a parameter's activity is asked for rather than its value.
Value any_value(const Parameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::choice:
    case ParameterKind::ordinal:
      return parameter.choices.front();
    case ParameterKind::flag:
      return false;
    case ParameterKind::integer:
      return static_cast<std::int64_t>(parameter.low);
    case ParameterKind::real:
      break;
  }
  return parameter.low;
}

/// A list's entries one by one, and its length where that is a parameter.
void add_list(const space::Space& space, const std::string& name, const std::vector<Value>& values,
              Entries& entries) {
  bool is_list = false;
  for (const Parameter& parameter : space.parameters()) {
    is_list = is_list || parameter.list == name;
    if (parameter.length_of == name)
      entries.emplace_back(parameter.name, static_cast<std::int64_t>(values.size()));
  }
  if (!is_list) throw unknown(space, name);
  for (std::size_t i = 0; i < values.size(); ++i)
    entries.emplace_back(fmt::format("{}.{}", name, i), values[i]);
}

void check_constraints(const space::Space& space, const Config& config) {
  if (space.feasible(config)) return;
  const auto lookup = [&](const std::string& name) {
    space::Expression::Bound bound;
    if (const Value* value = config.find(name)) {
      bound.active = true;
      bound.value = *value;
    } else if (auto list = config.list(name); !list.empty()) {
      bound = {true, true, {}, std::move(list)};
    }
    return bound;
  };
  for (const auto& constraint : space.constraints())
    if (constraint.evaluate(lookup) == space::Expression::Truth::no)
      throw Error(fmt::format("{} violates the constraint \"{}\"", config.shown(), constraint.text()),
                  Place{"", 0, "space.where"});
  throw Error(fmt::format("{} violates a constraint of the space", config.shown()),
              Place{"", 0, "space.where"});
}

}  // namespace

std::vector<Config::Entry> parse_assignment(const space::Space& space, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw Error(fmt::format("'{}' gives no parameter a value", text), {}, "write NAME=VALUE, as lr=0.01");
  const std::string name = text.substr(0, equals);
  const std::string value = text.substr(equals + 1);
  if (space.index(name)) return {{name, value_of_word(value)}};
  std::vector<Value> values;
  for (std::size_t at = 0; !value.empty() && at <= value.size();) {
    const std::size_t comma = std::min(value.find(',', at), value.size());
    values.push_back(value_of_word(value.substr(at, comma - at)));
    at = comma + 1;
  }
  Entries entries;
  add_list(space, name, values, entries);
  return entries;
}

std::vector<Config::Entry> parse_assignments(const space::Space& space, const Json& object) {
  if (!object.is_object()) throw Error("a config is a JSON object", {}, R"(as {"lr": 0.01, "width": 64})");
  Entries entries;
  for (const auto& [name, value] : object.items()) {
    if (value.is_array()) {
      std::vector<Value> values;
      for (const Json& one : value) values.push_back(value_from_json(one));
      add_list(space, name, values, entries);
    } else {
      if (!space.index(name)) throw unknown(space, name);
      entries.emplace_back(name, value_from_json(value));
    }
  }
  return entries;
}

Config config_of(const space::Space& space, const std::vector<Config::Entry>& given, const Config& base,
                 std::vector<std::string>* rounded) {
  std::set<std::string> named;
  for (const auto& [name, value] : given)
    if (!named.insert(name).second) throw Error(fmt::format("'{}' is given twice", name));
  Entries entries;
  for (const auto& [name, value] : given)
    entries.emplace_back(name, checked(parameter_of(space, name), value));
  std::vector<const Parameter*> open;  // with neither value nor default
  for (const Parameter& parameter : space.parameters()) {
    // A tied one follows its source, which may have changed.
    if (named.count(parameter.name) > 0 || !parameter.same_as.empty()) continue;
    if (const Value* value = base.find(parameter.name)) {
      entries.emplace_back(parameter.name, *value);
    } else if (parameter.fallback) {
      entries.emplace_back(parameter.name, *parameter.fallback);
    } else {
      if (parameter.cardinality() != 1) open.push_back(&parameter);
      entries.emplace_back(parameter.name, any_value(parameter));
    }
  }
  Config config = space.canonical(Config(std::move(entries)));
  std::vector<std::string> missing;
  for (const Parameter* parameter : open)
    if (config.has(parameter->name)) missing.push_back(parameter->name);
  if (!missing.empty())
    throw Error(fmt::format("the config lacks {}", fmt::join(missing, ", ")), {},
                "give them values, or defaults in the study file, or begin with a trial's config");
  for (const auto& [name, value] : given)
    if (!config.has(name)) {
      const Parameter& parameter = parameter_of(space, name);
      throw Error(
          fmt::format("'{}' does not apply to this config", name), {},
          parameter.when ? fmt::format("it is active where {}", parameter.when.text()) : "leave it out");
    }
  check_constraints(space, config);
  if (rounded != nullptr)
    for (const auto& [name, value] : given) {
      const auto* kept = std::get_if<double>(config.find(name));
      if (kept != nullptr && std::abs(*kept - value_real(value)) > 1e-9 * std::abs(*kept))
        rounded->push_back(fmt::format("{}={} is {}", name, value_text(value), real_text(*kept)));
    }
  return config;
}

std::vector<std::int64_t> enqueue(study::Study& study, const std::vector<Config>& configs, bool replicate,
                                  bool own_seeds) {
  std::vector<std::int64_t> ids;
  in_turn(study, [&] {
    ids.clear();
    std::vector<study::Record> records;
    std::unordered_map<Key, std::int64_t> fresh;
    std::unordered_map<std::int64_t, std::int64_t> further;  // replicates proposed here, by what they repeat
    for (const Config& config : configs) {
      study::TrialRecord record;
      record.trial = study.size() + static_cast<std::int64_t>(ids.size());
      record.config = config;
      record.origin = "user";
      record.seed = own_seeds ? evaluation_seed(study.header().seed, record.trial) : study.header().seed;
      const Key key = config.key();
      std::int64_t known = -1;
      if (const study::Trial* trial = study.find(key)) known = trial->id;
      if (const auto found = fresh.find(key); found != fresh.end()) known = found->second;
      if (known >= 0 && !replicate)
        throw Error(known < study.size() ? fmt::format("{} is trial {}, which is {}", config.shown(), known,
                                                       state_name(study.trial(known).state))
                                         : fmt::format("{} is given twice", config.shown()),
                    {}, "give --replicate to evaluate it again, with another seed");
      if (known >= 0) {
        record.of = known;
        record.replicate = ++further[known];
        if (known < study.size())
          record.replicate += static_cast<std::int64_t>(study.replicates(known).size());
        record.seed = replicate_seed(study.header().seed, record.of, record.replicate);
      } else {
        fresh.emplace(key, record.trial);
      }
      ids.push_back(record.trial);
      records.push_back(std::move(record));
    }
    return records;
  });
  return ids;
}

Edited retry(study::Study& study, const std::vector<std::int64_t>& ids) {
  Edited edited;
  in_turn(study, [&] {
    edited = {};
    std::vector<study::Record> records;
    for (const std::int64_t id : std::set<std::int64_t>(ids.begin(), ids.end())) {
      const study::Trial& trial = study.trial(id);
      std::string why;
      switch (trial.state) {
        case TrialState::failed:
        case TrialState::stale:
        case TrialState::pruned:
          if (trial.same_as >= 0)
            why = fmt::format("computes what trial {} does, and ended as that one did: retry that one",
                              trial.same_as);
          break;
        case TrialState::infeasible:
          if (trial.cause == "limit")
            why = fmt::format(
                "is infeasible by what was measured: {}; loosen [limits], and hone search "
                "judges it again",
                trial.reason);
          break;
        case TrialState::waiting:
          why = "waits already";
          break;
        case TrialState::running:
          why = fmt::format("is running, on worker {}", trial.worker);
          break;
        case TrialState::paused:
          why = "is paused: the scheduler takes it up again where it is worth it";
          break;
        case TrialState::completed:
          why = fmt::format(
              "is completed, and a result stands; hone trial enqueue --like {} --replicate evaluates it "
              "again",
              id);
          break;
        case TrialState::deleted:
          why = "was deleted; hone trial enqueue proposes its config again";
          break;
      }
      if (!why.empty()) {
        edited.refused.emplace_back(id, why);
        continue;
      }
      records.emplace_back(study::RetryRecord{id});
      edited.done.push_back(id);
    }
    return records;
  });
  return edited;
}

Edited remove(study::Study& study, const std::vector<std::int64_t>& ids) {
  Edited edited;
  in_turn(study, [&] {
    edited = {};
    std::vector<study::Record> records;
    for (const std::int64_t id : std::set<std::int64_t>(ids.begin(), ids.end())) {
      const study::Trial& trial = study.trial(id);
      if (trial.state == TrialState::running)
        edited.refused.emplace_back(
            id, fmt::format("is running, on worker {}; stop the search first, or wait for its end",
                            trial.worker));
      else if (trial.state == TrialState::deleted)
        edited.refused.emplace_back(id, "was deleted already");
      else {
        records.emplace_back(study::DeleteRecord{id});
        edited.done.push_back(id);
      }
    }
    return records;
  });
  const study::Store& store = study.store();
  if (folder_of(store).empty()) return edited;
  for (const std::int64_t id : edited.done) {
    std::error_code code;  // what cannot be removed does no harm
    std::filesystem::remove_all(trial_folder(store, id), code);
    const auto& followers = study.followers(id);
    const bool needed = std::any_of(followers.begin(), followers.end(), [&](std::int64_t follower) {
      return study.trial(follower).state != TrialState::deleted;
    });
    if (!needed) std::filesystem::remove(checkpoint_path(store, id), code);
  }
  return edited;
}

}  // namespace hone::run
