#include "hone/run/recurrence_limit.h"

#include <utility>

#include "hone/base/error.h"

namespace hone::run {

/// The run under whose limit this one begins, and whose `before` is therefore its own; nothing: there is
/// none, or none whose limit could be put back by what sets limits now.
std::optional<std::int64_t> RecurrenceLimit::taken_from(const cost::RecurringHistory& history) const {
  for (const auto& [other, limits] : history.limits_before)
    if (fits(history, other)) return other;
  return std::nullopt;
}

bool RecurrenceLimit::fits(const cost::RecurringHistory& history, std::int64_t other) const {
  return control_ != nullptr &&
         control_->fits(history.limits_before.at(other), history.limits_set_by.at(other));
}

void RecurrenceLimit::ask() {
  present_ = Json();
  if (control_ == nullptr) return;
  const cost::RecurringHistory seen = journal_.read();
  next_run_ = seen.next_run;
  if (!taken_from(seen)) present_ = control_->current();
}

bool RecurrenceLimit::still_holds(const cost::RecurringHistory& history) {
  from_ = taken_from(history);
  return control_ == nullptr || from_ || (!present_.is_null() && history.next_run == next_run_);
}

void RecurrenceLimit::begin(std::int64_t run, const cost::RecurringHistory& history) {
  run_ = run;
  if (control_ == nullptr) return;
  // Under another run's limit, or one that a killed run left, what there is now is not what there was.
  before_ = from_ ? history.limits_before.at(*from_) : present_;
  journal_.append({{"event", "limits"}, {"run", run}, {"before", before_}, {"by", control_->whose()}});
  for (const auto& [other, limits] : history.limits_before)  // taken over from the dead
    if (!journal_.alive(other)) journal_.append({{"event", "restored"}, {"run", other}});
}

void RecurrenceLimit::warn(const cost::RecurringHistory& history) const {
  if (!ears_.warned) return;
  for (const auto& [other, limits] : history.limits_before)
    if (!fits(history, other) && !journal_.alive(other))
      ears_.warned(lost_limit_text(job_, other, limits, history.limits_set_by.at(other)));
  if (const std::string text = from_ ? "" : lowered_limit_text(job_, present_); !text.empty())
    ears_.warned(text);
}

void RecurrenceLimit::put_back(bool tried) {
  if (before_.is_null()) return;
  const Json before = std::exchange(before_, Json());
  std::vector<std::int64_t> over{run_};
  bool shared = false;
  try {
    const cost::RecurringHistory history = journal_.read();
    for (const auto& [other, limits] : history.limits_before) {
      if (other == run_ || !fits(history, other)) continue;
      if (journal_.alive(other))
        shared = true;
      else
        over.push_back(other);
    }
  } catch (const Error&) {  // better put back too early than never
  }
  if (shared) {
    restored_ = {run_};
    return;
  }
  if (from_ || tried) {
    try {
      control_->restore(before);
    } catch (const Error&) {  // no harm where what forbids it forbade the limit too
      if (!control_->is_now(before)) throw;
    }
  }
  restored_ = over;
}

}  // namespace hone::run
