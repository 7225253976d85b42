#include "hone/run/recurrence_watch.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/run/recurring_text.h"

namespace hone::run {
namespace {

/// How often the cost of a run is looked at: counters of energy move some ten times a second.
constexpr double kCostLook_s = 0.1;
/// Names of reports that are kept, to tell people what there is.
constexpr std::size_t kMostNames = 100;

cost::EnergyOptions recurrence_meter(const RecurringJob& job) {
  cost::EnergyOptions options;
  options.power_w = job.power_w;
  options.gpus = job.power.gpus;
  return options;
}

}  // namespace

RecurrenceEnergy::RecurrenceEnergy(const RecurringJob& job)
    : from_reports_(!job.energy.empty()), meter_(recurrence_meter(job)), power_w_(job.power_w) {
  if (from_reports_) {
    whose_ = fmt::format("reported by the command as {}", job.energy);
  } else if (power_w_ > 0.0) {
    whose_ = job.device.empty() ? "stated in the job file" : "of " + job.device;
  } else {
    std::ostringstream text;
    text << std::ifstream("/proc/cpuinfo").rdbuf();
    const cost::StatedPower power = cost::processor_power(text.str());
    power_w_ = power.watts;
    whose_ = power.source;
  }
}

void RecurrenceEnergy::start() {
  if (meter_.measures()) source_ = meter_.stop().source;
  meter_.start();
  modelled_ = 0.0;
  last_s_ = monotonic_s();
}

void RecurrenceEnergy::limit(std::optional<double> watts) {
  (void)joules();  // what went before was under the limit before
  limit_w_ = watts;
}

std::string RecurrenceEnergy::reported(double joules) {
  if (joules < 0.0) return fmt::format("{} J is below 0", real_text(joules));
  if (reported_ && joules < *reported_)
    return fmt::format("{} J comes after {} J, and joules only add up", real_text(joules),
                       real_text(*reported_));
  reported_ = joules;
  return {};
}

double RecurrenceEnergy::joules() {
  if (from_reports_) return reported_.value_or(0.0);
  if (meter_.measures()) return meter_.stop().joules;
  const double now = monotonic_s();
  modelled_ += (now - last_s_) * (limit_w_ ? std::min(*limit_w_, power_w_) : power_w_);
  last_s_ = now;
  return modelled_;
}

std::string RecurrenceEnergy::source() const {
  if (from_reports_) return whose_;
  if (!meter_.measures())
    return fmt::format("modelled: {:g} W x time{}, {}", power_w_, limit_w_ ? ", at most the limit" : "",
                       whose_);
  return source_;
}

RecurrenceWatch::RecurrenceWatch(const RecurringJob& job, const cost::ZeusRun& run,
                                 cost::PowerProfile profile, PowerControl* control,
                                 std::function<void(const cost::PowerSlice&, double)> slice)
    : job_(job),
      run_(run),
      profile_(std::move(profile)),
      control_(control),
      slice_(std::move(slice)),
      energy_(job),
      lines_(job.command->options().report_on_output) {}

double RecurrenceWatch::now() const { return monotonic_s() - began_; }

double RecurrenceWatch::cost_now() {
  last_joules_ = energy_.joules();
  return cost::zeus_cost(job_.zeus.eta, job_.zeus.max_power_w, last_joules_, now());
}

void RecurrenceWatch::start() {
  began_ = monotonic_s();
  energy_.start();
  next_limit();
  if (!broken_.empty()) throw environment_error(broken_);
  began_ = monotonic_s();  // what setting a limit took is not the command's
  behind_ = false;         // nor was anything said meanwhile
  energy_.start();
}

void RecurrenceWatch::set_limit(double watts) {
  if (control_ == nullptr || !broken_.empty()) return;
  tried_limit_ = true;
  try {
    control_->set(watts);
    limit_ = watts;
    energy_.limit(watts);
  } catch (const Error& error) {
    broken_ = error.what();
  }
}

void RecurrenceWatch::next_limit() {
  if (control_ == nullptr) return;
  const PowerPlan plan = power_plan(job_, profile_);
  profiling_ = plan.profile_w.has_value();
  slice_began_.reset();
  behind_ = true;
  if (plan.profile_w) {
    set_limit(*plan.profile_w);
  } else if (plan.best && limit_ != plan.best->limit_w) {
    set_limit(plan.best->limit_w);
  }
}

void RecurrenceWatch::hear(std::string_view bytes) {
  heard_now_ = true;
  // One read takes all that a pipe holds: after the next one what is heard is new.
  const bool catches_up = behind_;
  for (const auto& one : lines_.add(bytes)) line(one);
  if (catches_up) behind_ = false;
}

void RecurrenceWatch::end_of_reports() {
  for (const auto& one : lines_.end()) line(one);
}

void RecurrenceWatch::line(const task::JsonLines::Line& line) {
  if (!line.problem.empty()) {
    if (refused_.empty())
      refused_ = fmt::format("its report line {} {}: {}", line.number, line.problem, line.shown);
    return;
  }
  ++lines_heard_;
  if (line.fidelity) names_.insert("fidelity");
  for (const auto& [name, value] : line.measures.entries())
    if (names_.size() < kMostNames) names_.insert(name);
  if (!job_.energy.empty())
    if (const auto joules = line.measures.find(job_.energy); joules && std::isfinite(*joules)) {
      advances_since_joules_ = 0;
      const std::string why = energy_.reported(*joules);
      if (!why.empty() && no_cost_.empty())
        no_cost_ = fmt::format("its report line {} says {}: {}", line.number, job_.energy, why);
    }
  std::optional<double> progress;
  if (job_.progress == "fidelity") {
    if (line.fidelity) progress = static_cast<double>(*line.fidelity);
  } else if (const auto value = line.measures.find(job_.progress); value && std::isfinite(*value)) {
    progress = *value;
  }
  const auto value = job_.target.metric.empty() ? std::nullopt : line.measures.find(job_.target.metric);
  if (value) value_ = value;
  if (progress && *progress > progress_) {
    progress_ = *progress;
    if (advances_since_joules_++ == 0) first_advance_ = progress_;
    if (!fixed_) advanced(progress_);
  }
  if (value && !fixed_ && !over_cost_ && job_.target.reached(*value)) {
    reached_ = true;
    close(true);
  }
  // Joules of the command's own come with its reports: what they amount to is known now, not at the next
  // look.
  if (!fixed_ && !job_.energy.empty() && cost_now() >= run_.threshold) {
    over_cost_ = true;
    close(false);
  }
}

void RecurrenceWatch::advanced(double progress) {
  if (progress >= job_.max_progress) over_progress_ = true;
  if (!profiling_ || !limit_) return;
  const double at = now(), joules = energy_.joules();
  if (!slice_began_) {
    if (behind_) return;
    slice_began_ = at;
    slice_progress_ = progress;
    slice_joules_ = joules;
    return;
  }
  const double seconds = at - *slice_began_;
  if (seconds < job_.power.slice_s) return;
  const cost::PowerSlice slice{*limit_, std::max(0.0, joules - slice_joules_) / seconds,
                               (progress - slice_progress_) / seconds};
  profile_.add(slice);
  if (slice_) slice_(slice, seconds);
  next_limit();
}

task::RunEars::Wish RecurrenceWatch::wish() {
  using Wish = task::RunEars::Wish;
  if (!std::exchange(heard_now_, false)) behind_ = false;  // nothing was waiting
  if (!broken_.empty() || over_cost_) return Wish::stop;
  if (fixed_) return reached_ && job_.stop_at_target ? Wish::stop : Wish::go_on;
  if (over_progress_) {
    close(false);
    return Wish::stop;
  }
  const double at = now();
  if (at - looked_ < kCostLook_s) return Wish::go_on;
  looked_ = at;
  if (cost_now() >= run_.threshold) {
    over_cost_ = true;
    close(false);
    return Wish::stop;
  }
  return Wish::go_on;
}

void RecurrenceWatch::close(bool reached) {
  total_seconds_ = now();
  total_energy_j_ = energy_.joules();
  if (fixed_) return;
  fixed_ = true;
  reached_ = reached;
  if (reached && !energy_.known() && no_cost_.empty())
    no_cost_ = fmt::format("it reached its target without having reported {}", job_.energy);
  else if (reached && !job_.energy.empty() && advances_since_joules_ > 1)
    stale_joules_ = fmt::format(
        "run {} reached its target at {}, and the latest {} came at {} or before: its cost is too low; "
        "report them "
        "with the progress",
        run_.run, real_text(progress_), job_.energy, real_text(first_advance_));
  seconds_ = total_seconds_;
  energy_j_ = total_energy_j_;
}

std::string RecurrenceWatch::shown() const {
  std::string text = fmt::format("{}, {}", progress_ > 0.0 ? "at " + real_text(progress_) : "no report yet",
                                 joules_text(last_joules_));
  if (value_) text += fmt::format(", {} {:.5g}", job_.target.metric, *value_);
  if (limit_) text += fmt::format(", {} {:g} W", profiling_ ? "profiling" : "limit", *limit_);
  return text;
}

}  // namespace hone::run
