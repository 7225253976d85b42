#include "hone/run/recurrence.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <sys/wait.h>

#include "hone/base/error.h"
#include "hone/run/power_control.h"
#include "hone/run/recurrence_launch.h"
#include "hone/run/recurrence_limit.h"
#include "hone/run/recurrence_watch.h"
#include "hone/run/recurring_text.h"
#include "hone/task/command_lines.h"
#include "hone/task/command_log.h"

namespace hone::run {
namespace {

namespace fs = std::filesystem;
using cost::RecurringHistory;
using cost::RecurringJournal;
using cost::RecurringRun;
using cost::RunEnding;

/// Of a command that reported nothing: its reports may be on its standard output, where nobody reads them.
std::string where_reports_went(const task::CommandLog& log) {
  task::JsonLines lines(true);
  auto found = lines.add(log.last_lines(20));
  for (auto& last : lines.end()) found.push_back(std::move(last));
  for (const auto& line : found)
    if (line.problem.empty() && (line.fidelity || !line.measures.empty()))
      return "; its output holds reports: write them to the descriptor HONE_REPORT_FD, or say [command] "
             "report = "
             "\"stdout\"";
  return {};
}

/// Whether a signal that ended a command came from outside, rather than from a crash of its own, which says
/// something of its batch size.
bool sent_by_somebody(int signal) {
  return signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
}

/// One run, from its choice to its end.
class OneRun {
 public:
  OneRun(const RecurringJob& job, const RecurrenceEars& ears, RecurringJournal& journal,
         PowerControl* control)
      : job_(job), ears_(ears), journal_(journal), control_(control), limit_(job, ears, journal, control) {}
  /// Whatever went wrong on the way, a limit does not stay.
  ~OneRun() {
    try {
      put_limit_back();
    } catch (const std::exception&) {  // what went wrong before is told already
    }
  }
  OneRun(const OneRun&) = delete;
  OneRun& operator=(const OneRun&) = delete;

  /// `recurrence`: of the first try nothing. Nothing: it was interrupted before it began.
  std::optional<FinishedRun> go(std::optional<std::int64_t> recurrence, int tries) {
    try {
      while (!begin(recurrence, tries)) {
      }
    } catch (const Error&) {
      if (interrupted() && !begun_) return std::nullopt;
      throw;
    }
    std::optional<Error> wrong;
    try {
      run_command();
    } catch (const Error& error) {
      // It could not be started, or no limit could be set: nothing is known of the batch size.
      const bool asked = interrupted();
      done_.run.ending = asked ? RunEnding::interrupted : RunEnding::wrong;
      done_.reason = asked ? "interrupted" : error.what();
      if (!asked) wrong = error;
    }
    std::optional<Error> not_recorded;
    try {
      record();
    } catch (const Error& error) {
      not_recorded = error;
    }
    if (ears_.finished) ears_.finished(done_);
    if (not_recorded) {
      if (done_.run.ending != RunEnding::wrong) throw *not_recorded;
      if (ears_.said) ears_.said(not_recorded->what());  // beside what went wrong first, which is thrown
    }
    if (wrong) throw *wrong;
    if (const std::string missing = job_.missing_progress(done_.run); !missing.empty() && ears_.said)
      ears_.said(missing);
    if (ears_.warned && watch_ && !watch_->stale_joules().empty()) ears_.warned(watch_->stale_joules());
    verdict();
    return done_;
  }

 private:
  bool interrupted() const { return ears_.interrupted && ears_.interrupted(); }

  /// False: another run began or ended meanwhile, and what was asked of the device may be its limit.
  bool begin(std::optional<std::int64_t> recurrence, int tries) {
    limit_.ask();
    const RecurringJournal::Hold hold(journal_);
    RecurringHistory history = journal_.read();
    if (!limit_.still_holds(history)) return false;
    if (history.job.is_null()) {
      Json line{{"event", "job"}, {"format", 1}};
      const Json identity = job_.identity();
      line.update(identity);
      journal_.append(line);
    }
    job_.check_recorded(history.job);
    journal_.give_up_dead(history);
    const cost::ZeusChoice choice = next_choice(job_, history);
    RecurringRun& run = done_.run;
    run.zeus.run = history.next_run;
    run.zeus.batch_size = choice.batch_size;
    run.zeus.stage = choice.stage;
    run.zeus.threshold = choice.threshold;
    run.recurrence = recurrence.value_or(history.next_recurrence);
    run.tries = tries;
    profile_ = history.profile(choice.batch_size, job_.progress);
    none_reached_ = std::none_of(history.ended.begin(), history.ended.end(),
                                 [](const RecurringRun& one) { return one.zeus.reached; });
    begun_ = true;
    journal_.claim(run.zeus.run);
    journal_.append({{"event", "started"},
                     {"run", run.zeus.run},
                     {"recurrence", run.recurrence},
                     {"try", tries},
                     {"batch_size", choice.batch_size},
                     {"stage", cost::stage_name(choice.stage)},
                     {"threshold", real_to_json(choice.threshold)},
                     {"eta", job_.zeus.eta},
                     {"max_power_w", job_.zeus.max_power_w},
                     {"why", choice.why}});
    limit_.begin(run.zeus.run, history);
    limit_.warn(history);
    if (ears_.said)
      ears_.said(fmt::format("run {}, batch size {}: {}{}", run.zeus.run, choice.batch_size, choice.why,
                             std::isfinite(choice.threshold)
                                 ? fmt::format("; stopped at a cost of {}", joules_text(choice.threshold))
                                 : ""));
    return true;
  }

  void run_command() {
    const task::CommandOptions& options = job_.command->options();
    const std::int64_t number = done_.run.zeus.run;
    const space::Config config({{"batch_size", Value(done_.run.zeus.batch_size)}});
    task::RunContext context;
    context.trial = number;
    context.attempt = done_.run.tries;
    context.seed = job_.zeus.seed + static_cast<std::uint64_t>(number);
    context.study_folder = job_.folder;
    context.folder = fmt::format("{}/runs/{}", job_.state_folder(), number);
    std::error_code code;
    fs::create_directories(context.folder, code);
    if (code)
      throw environment_error(fmt::format("cannot make the folder {}: {}", context.folder, code.message()));
    const task::Launch launch = recurrence_launch(job_, config, context);

    task::CommandLog log(context.folder + "/output.log", options.output_bytes);
    watch_.emplace(job_, done_.run.zeus, profile_, control_,
                   [&](const cost::PowerSlice& slice, double seconds) {
                     try {  // a training is not ended because its profile cannot be kept
                       const RecurringJournal::Hold hold(journal_);
                       journal_.append({{"event", "slice"},
                                        {"run", number},
                                        {"batch_size", done_.run.zeus.batch_size},
                                        {"power_limit_w", slice.limit_w},
                                        {"average_power_w", slice.average_power_w},
                                        {"throughput", slice.throughput},
                                        {"progress", job_.progress},
                                        {"seconds", seconds},
                                        {"measured", watch_->energy().measured()}});
                     } catch (const Error& error) {
                       if (ears_.said) ears_.said(error.what());
                     }
                   });
    task::RunEars ears;
    ears.output = [&](std::string_view bytes) { log.add(bytes); };
    ears.report = [&](std::string_view bytes) { watch_->hear(bytes); };
    ears.apart = [&](std::string_view bytes) {
      log.add(bytes);
      watch_->hear(bytes);
    };
    ears.wish = [&] {
      const auto wish = watch_->wish();
      if (ears_.progress)
        ears_.progress(
            fmt::format("run {}, batch size {}: {}", number, done_.run.zeus.batch_size, watch_->shown()));
      return wish;
    };
    ears.interrupted = ears_.interrupted;
    log.note(fmt::format("run {}, batch size {}", number, done_.run.zeus.batch_size));
    watch_->start();
    const task::RunEnd end = task::run_program(launch, options.rules, ears);
    watch_->end_of_reports();
    judge(end, log);
    log.note(done_.reason.empty() ? cost::ending_name(done_.run.ending)
                                  : fmt::format("{}: {}", cost::ending_name(done_.run.ending), done_.reason));
  }

  void judge(const task::RunEnd& end, const task::CommandLog& log) {
    using How = task::RunEnd::How;
    RecurringRun& run = done_.run;
    std::string said = log.last_lines(3);
    std::replace(said.begin(), said.end(), '\n', '|');
    said = said.empty() ? "" : ": " + task::printable(said, 300);
    const bool well = WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0;
    if (watch_->reached()) {
      run.ending = RunEnding::reached;
    } else if (end.how == How::interrupted || (!watch_->broken().empty() && interrupted())) {
      run.ending = RunEnding::interrupted;
      done_.reason = "interrupted";
    } else if (!watch_->broken().empty()) {
      run.ending = RunEnding::wrong;
      done_.reason = watch_->broken();
    } else if (watch_->over_cost()) {
      run.ending = RunEnding::stopped;
      done_.reason = fmt::format("its cost came to {:g} times the least", job_.zeus.beta);
    } else if (watch_->over_progress()) {
      run.ending = RunEnding::unreached;
      done_.reason =
          fmt::format("{} was not reached by {}", job_.target.text(), real_text(job_.max_progress));
    } else if (end.how == How::over_time || end.how == How::over_memory || (!well && end.out_of_memory)) {
      run.ending = RunEnding::failed;
      done_.reason = end.how == How::over_time ? "over [command] time" : "out of memory" + said;
    } else if (end.how == How::lost) {
      run.ending = RunEnding::wrong;
      done_.reason = "its keeper was killed";
    } else if (WIFSIGNALED(end.status)) {
      run.ending = sent_by_somebody(WTERMSIG(end.status)) ? RunEnding::wrong : RunEnding::failed;
      done_.reason = fmt::format("killed by {}{}", task::signal_name(WTERMSIG(end.status)), said);
    } else if (!well) {
      run.ending = RunEnding::failed;
      done_.reason = fmt::format("exit status {}{}", WEXITSTATUS(end.status), said);
    } else if (job_.target.metric.empty()) {
      run.ending = RunEnding::reached;
    } else if (!watch_->heard_target()) {
      run.ending = RunEnding::wrong;
      done_.reason =
          fmt::format("it ended without having reported {}: {}", job_.target.metric,
                      !watch_->refused().empty() ? watch_->refused()
                      : watch_->heard_anything() ? "its reports hold other names"
                                                 : "it reported nothing" + where_reports_went(log));
    } else {
      run.ending = RunEnding::unreached;
      done_.reason = fmt::format("it ended without {}", job_.target.text());
    }
    watch_->close(run.ending == RunEnding::reached);
    if (run.ending != RunEnding::interrupted && !watch_->no_cost().empty()) {
      run.ending = RunEnding::wrong;
      done_.reason = watch_->no_cost();
    }
  }

  void put_limit_back() { limit_.put_back(watch_ && watch_->tried_limit()); }

  /// The power limit as it was, and the end.
  void record() {
    RecurringRun& run = done_.run;
    run.zeus.over = true;
    run.zeus.reached = run.ending == RunEnding::reached;
    if (watch_) {
      watch_->close(run.zeus.reached);
      run.zeus.energy_j = watch_->energy_j();
      run.zeus.seconds = watch_->seconds();
      run.total_energy_j = watch_->total_energy_j();
      run.total_seconds = watch_->total_seconds();
      run.power_limit_w = watch_->limit_w().value_or(kNaN);
      run.progress = watch_->progress();
      run.measured = watch_->energy().measured();
      run.source = watch_->energy().source();
      run.reports.assign(watch_->names().begin(), watch_->names().end());
    }
    const RecurringJournal::Hold hold(journal_);
    // The limit first: the journal may be on a disk that is full.
    std::optional<Error> not_put_back;
    try {
      put_limit_back();
    } catch (const Error& error) {
      not_put_back = error;
    }
    journal_.append({{"event", "ended"},
                     {"run", run.zeus.run},
                     {"how", cost::ending_name(run.ending)},
                     {"energy_j", real_to_json(run.zeus.energy_j)},
                     {"seconds", real_to_json(run.zeus.seconds)},
                     {"total_energy_j", real_to_json(run.total_energy_j)},
                     {"total_seconds", real_to_json(run.total_seconds)},
                     {"power_limit_w", std::isnan(run.power_limit_w) ? Json() : Json(run.power_limit_w)},
                     {"progress", run.progress},
                     {"measured", run.measured},
                     {"source", run.source},
                     {"reports", run.reports},
                     {"reason", done_.reason}});
    for (const std::int64_t one : limit_.restored()) journal_.append({{"event", "restored"}, {"run", one}});
    journal_.release(run.zeus.run);
    if (not_put_back) throw *not_put_back;
  }

  /// Throws where a run says that the job file or the machine is wrong, rather than the batch size.
  void verdict() const {
    const RecurringRun& run = done_.run;
    const bool default_failed = none_reached_ && run.zeus.batch_size == job_.zeus.default_batch &&
                                (run.ending == RunEnding::failed || run.ending == RunEnding::unreached);
    if (default_failed)
      throw Error(
          fmt::format("the default batch size {} did not reach the target: {}", run.zeus.batch_size,
                      done_.reason),
          Place{job_.path, 0, "recur.default"},
          fmt::format("it must, as all others are held against it; its output is in {}/runs/{}/output.log",
                      job_.state_folder(), run.zeus.run));
    if (run.ending != RunEnding::wrong) return;
    if (!watch_->broken().empty()) throw environment_error(watch_->broken());
    throw Error(fmt::format("run {} counts as nothing: {}", run.zeus.run, done_.reason),
                Place{job_.path, 0, watch_->no_cost().empty() ? "" : "recur.energy"},
                fmt::format("its output is in {}/runs/{}/output.log", job_.state_folder(), run.zeus.run));
  }

  const RecurringJob& job_;
  const RecurrenceEars& ears_;
  RecurringJournal& journal_;
  PowerControl* control_;
  RecurrenceLimit limit_;
  FinishedRun done_;
  cost::PowerProfile profile_;
  std::optional<RecurrenceWatch> watch_;
  bool none_reached_ = false, begun_ = false;
};

}  // namespace

cost::ZeusChoice next_choice(const RecurringJob& job, const RecurringHistory& history) {
  return cost::zeus_choose(job.zeus, history.runs(), history.next_run);
}

PowerPlan power_plan(const RecurringJob& job, const cost::PowerProfile& profile) {
  PowerPlan plan;
  if (job.power.via == "none") return plan;
  plan.profile_w = profile.next(job.power.limits_w);
  if (!plan.profile_w) plan.best = profile.best(job.power.limits_w, job.zeus.eta, job.zeus.max_power_w);
  return plan;
}

RecurrenceResult run_recurrence(const RecurringJob& job, const RecurrenceEars& ears) {
  const std::unique_ptr<PowerControl> control = make_power_control(job, ears.interrupted);
  RecurringJournal journal(job.journal());
  RecurrenceResult result;
  std::optional<std::int64_t> recurrence;
  for (int tries = 1; tries <= job.tries; ++tries) {
    const auto done = OneRun(job, ears, journal, control.get()).go(recurrence, tries);
    if (!done) {
      result.interrupted = true;
      return result;
    }
    result.runs.push_back(*done);
    const cost::RecurringRun& run = result.runs.back().run;
    recurrence = result.recurrence = run.recurrence;
    result.reached = run.zeus.reached;
    result.interrupted = run.ending == RunEnding::interrupted || (ears.interrupted && ears.interrupted());
    if (result.reached || result.interrupted) return result;
    if (ears.said && tries < job.tries)
      ears.said(fmt::format("run {} did not reach the target ({}); again", run.zeus.run,
                            result.runs.back().reason));
  }
  return result;
}

}  // namespace hone::run
