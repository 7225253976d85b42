#include "hone/study/audit.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::study {
namespace {

/// The trial that a record speaks of; -1: none.
std::int64_t trial_of(const Record& record) {
  return std::visit(
      [](const auto& r) -> std::int64_t {
        if constexpr (requires { r.trial; })
          return r.trial;
        else
          return -1;
      },
      record);
}

}  // namespace

/// Whether the proposals before `trial`'s can all have stood in the free places.
bool Audit::fits(std::int64_t trial) const {
  return trial - static_cast<std::int64_t>(trials_.size()) <= static_cast<std::int64_t>(places_.size());
}

/// Why a study cannot apply the records to what came before them; "" where it can.
std::string Audit::contradiction(const Event& event, std::string& kind) const {
  const auto size = static_cast<std::int64_t>(trials_.size());
  kind = "order";
  if (!std::isfinite(event.time_s) || event.time_s < 0.0) {
    kind = "event";
    return "its time is no time";
  }
  std::int64_t proposed = -1;  // by this event
  for (const Record& record : records_) {
    if (std::holds_alternative<StudyRecord>(record) && event.sequence != 1)
      return "begins the study a second time";
    if (const auto* r = std::get_if<TrialRecord>(&record)) {
      if (r->trial < size) return fmt::format("proposes trial {}, which is there already", r->trial);
      if (!fits(r->trial)) return fmt::format("proposes trial {} where {} is due", r->trial, size);
      if (r->of >= r->trial || r->of < -1)
        return fmt::format("trial {} repeats trial {}, which came later", r->trial, r->of);
      proposed = r->trial;
      continue;
    }
    const std::int64_t id = trial_of(record);
    if (id < 0 || id == proposed || std::holds_alternative<LateRecord>(record)) continue;
    if (std::holds_alternative<DeleteRecord>(record) && id == size) continue;  // stands for a lost proposal
    if (id >= size) return fmt::format("speaks of trial {} before it was proposed", id);
    const TrialLife& life = trials_[static_cast<std::size_t>(id)];
    if (life.lost) {
      kind = "lost";
      return fmt::format("belongs to trial {}, whose proposal is lost", id);
    }
    if (const auto* r = std::get_if<KeysRecord>(&record); r != nullptr && r->joins >= 0) {
      if (r->joins >= size)
        return fmt::format("trial {} joins trial {}, which was not proposed", id, r->joins);
      if (r->joins == id) return fmt::format("trial {} joins itself", id);
    }
    if (const auto* r = std::get_if<EndRecord>(&record)) {
      if (r->same_as >= size || r->behind >= size)
        return fmt::format("trial {} hangs on trial {}, which was not proposed", id,
                           std::max(r->same_as, r->behind));
      if (r->same_as == id || r->behind == id) return fmt::format("trial {} hangs on itself", id);
      if (r->same_as >= 0 && trials_[static_cast<std::size_t>(r->same_as)].lost) {
        kind = "lost";
        return fmt::format("trial {} took over the results of trial {}, whose proposal is lost", id,
                           r->same_as);
      }
    }
  }
  return {};
}

void Audit::fill_up_to(std::int64_t trial) {
  std::size_t next = 0;
  while (static_cast<std::int64_t>(trials_.size()) < trial && next < places_.size()) {
    if (listener_.lost_trial) listener_.lost_trial(static_cast<std::int64_t>(trials_.size()), places_[next]);
    ++next;
    trials_.push_back({TrialState::deleted, 0, true});
  }
}

void Audit::apply() {
  for (const Record& record : records_) {
    const std::int64_t id = trial_of(record);
    if (std::holds_alternative<StudyRecord>(record)) {
      has_header_ = true;
    } else if (std::holds_alternative<SessionRecord>(record)) {
      ++sessions_;
      last_end_.clear();
    } else if (const auto* r = std::get_if<EndedRecord>(&record)) {
      last_end_ = r->why;
    } else if (std::holds_alternative<LateRecord>(record)) {
      ++late_;
    } else if (const auto* r = std::get_if<TrialRecord>(&record)) {
      fill_up_to(r->trial);
      trials_.emplace_back();
      places_.clear();
    } else if (id >= 0) {
      const bool stands_for_lost = id == static_cast<std::int64_t>(trials_.size());
      if (stands_for_lost) {
        trials_.push_back({TrialState::deleted, 0, true});
        places_.clear();
        continue;
      }
      TrialLife& life = trials_[static_cast<std::size_t>(id)];
      if (const auto* start = std::get_if<StartRecord>(&record)) {
        life.state = TrialState::running;
        life.attempt = static_cast<std::int32_t>(start->attempt);
      } else if (const auto* end = std::get_if<EndRecord>(&record)) {
        life.state = end->state;
      } else if (std::holds_alternative<RetryRecord>(record)) {
        life.state = TrialState::waiting;
      } else if (std::holds_alternative<DeleteRecord>(record)) {
        life.state = TrialState::deleted;
      }
    }
  }
}

void Audit::take(const Event& event, bool expect_trial) {
  if (listener_.missing && last_ + 1 < event.sequence)
    listener_.missing(last_ + 1, event.sequence - 1, last_time_s_);
  for (std::int64_t sequence = std::max<std::int64_t>(last_ + 1, 2); sequence < event.sequence; ++sequence)
    places_.push_back(sequence);  // the first is the study's own
  last_ = event.sequence;
  ++events_;
  Fault fault{event.sequence, "event", ""};
  records_.clear();
  try {
    decode(event, records_);
    fault.what = contradiction(event, fault.kind);
  } catch (const Error& error) {
    const std::string marker = "is malformed: ";
    const std::size_t at = error.message().find(marker);
    fault.what =
        fmt::format("is malformed ('{}'): {}", event.kind,
                    at == std::string::npos ? error.message() : error.message().substr(at + marker.size()));
  }
  if (!fault.what.empty()) {
    for (const Record& record : records_)
      if (const std::int64_t id = trial_of(record); fits(id)) mentioned_ = std::max(mentioned_, id);
    if (event.trial >= 0 && fits(event.trial)) mentioned_ = std::max(mentioned_, event.trial);
    if (listener_.set_aside) listener_.set_aside(event, fault);
    if (event.sequence > 1) places_.push_back(event.sequence);
    return;
  }
  last_time_s_ = std::max(last_time_s_, event.time_s);
  if (records_.size() == 1 && std::holds_alternative<UnknownRecord>(records_.front())) {
    if (event.kind == kDamaged)
      ++marked_;
    else
      ++unknown_[event.kind];
  } else if (expect_trial && trial_of(records_.front()) != event.trial) {
    ++wrong_columns_;
  }
  apply();
  if (listener_.keep) listener_.keep(event);
}

void Audit::finish() { fill_up_to(mentioned_ + 1); }

}  // namespace hone::study
