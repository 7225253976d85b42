#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <sys/wait.h>

#include "hone/base/units.h"
#include "hone/task/command.h"
#include "hone/task/command_lines.h"
#include "hone/task/command_log.h"
#include "hone/task/command_parts.h"
#include "hone/task/command_probe.h"
#include "hone/task/command_run.h"

namespace hone::task {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxNotes = 20;
constexpr std::size_t kMaxReason = 400;
constexpr std::size_t kMostInVain = 1000;  // that are told of what was reported in vain

/// What a run's lines come to.
class Reports {
 public:
  Reports(const Assignment& assignment, Reporter& reporter, CommandLog& log, bool among_others)
      : to_(assignment.to), last_(assignment.from), reporter_(reporter), log_(log), lines_(among_others) {}

  void add(std::string_view bytes) {
    for (const auto& line : lines_.add(bytes)) hear(line);
  }
  void end() {
    for (const auto& line : lines_.end()) hear(line);
    if (notes_ > kMaxNotes) log_.note(fmt::format("{} more reports were not taken", notes_ - kMaxNotes));
  }

  RunEars::Wish wish() const { return wish_; }
  std::int64_t last() const { return last_; }  ///< fidelity of the last intermediate result
  const study::Measures& result() const { return result_; }
  /// Whether a line that was taken has the measure.
  bool has(const std::string& measure) const { return told_.contains(measure); }
  /// See Outcome.
  Unread unread() const {
    Unread unread;
    for (const auto& name : texts_)
      unread.emplace_back(name,
                          fmt::format("the {} that it reported is no number but text, a list or a table",
                                      printable(name, 60)));
    if (!refused_.empty()) unread.emplace_back("", refused_);
    return unread;
  }

 private:
  void refuse(const JsonLines::Line& line, const std::string& problem) {
    const std::string text = fmt::format("report line {} {}{}{}", line.number, problem,
                                         line.shown.empty() ? "" : ": ", line.shown);
    if (refused_.empty()) refused_ = "its " + text;
    if (++notes_ <= kMaxNotes) log_.note(text);
  }

  void hear(const JsonLines::Line& line) {
    for (const auto& name : line.texts)
      if (texts_.size() < kMostInVain) texts_.insert(name);
    if (!line.problem.empty()) {
      refuse(line, line.problem);
      return;
    }
    if (line.fidelity && *line.fidelity > to_) {
      refuse(line, fmt::format("is of fidelity {}, and this run was to go to {} (HONE_FIDELITY)",
                               *line.fidelity, to_));
      return;
    }
    for (const char* measured : {"seconds", "cpu_s"})
      if (line.measures.find(measured)) told_.insert(measured);
    if (!line.fidelity || *line.fidelity == to_) {
      result_.merge(line.measures);
      return;
    }
    // What was told in an earlier attempt stands; after the verdict nothing more is decided on.
    if (*line.fidelity <= last_ || line.measures.empty() || wish_ != RunEars::Wish::go_on) return;
    last_ = *line.fidelity;
    switch (reporter_.report(last_, line.measures)) {
      case Reporter::Verdict::go_on:
        break;
      case Reporter::Verdict::pause:
        wish_ = RunEars::Wish::pause;
        break;
      case Reporter::Verdict::stop:
        wish_ = RunEars::Wish::stop;
        break;
    }
  }

  std::int64_t to_;
  std::int64_t last_;
  Reporter& reporter_;
  CommandLog& log_;
  JsonLines lines_;
  study::Measures result_;
  RunEars::Wish wish_ = RunEars::Wish::go_on;
  std::int64_t notes_ = 0;
  std::string refused_;  ///< the first line that was not taken, and why
  std::set<std::string> texts_;
  std::set<std::string> told_;  ///< of what hone measures, what the program reports itself
};

/// Whether a program's output has lines of JSON that report a measure; looks at its beginning only.
class OutputReports {
 public:
  void add(std::string_view bytes) {
    constexpr std::size_t kMost = std::size_t{1} << 20;
    if (seen_ >= kMost) return;
    bytes = bytes.substr(0, kMost - seen_);
    seen_ += bytes.size();
    for (const auto& line : lines_.add(bytes)) hear(line);
  }
  void end() {
    for (const auto& line : lines_.end()) hear(line);
  }
  const std::set<std::string>& names() const { return names_; }

 private:
  void hear(const JsonLines::Line& line) {
    for (const auto& [name, value] : line.measures.entries())
      if (names_.size() < kMostInVain) names_.insert(name);
  }

  JsonLines lines_{true};
  std::size_t seen_ = 0;
  std::set<std::string> names_;
};

/// "exit status 1", "killed by SIGSEGV".
std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("killed by {}", signal_name(WTERMSIG(status)));
  const int code = WEXITSTATUS(status);
  // Shells say so that a program of theirs was killed.
  if (code > 128 && code < 128 + 65)
    return fmt::format("exit status {} (as shells say {})", code, signal_name(code - 128));
  return fmt::format("exit status {}", code);
}

std::string with_last_lines(const std::string& reason, const CommandLog& log) {
  std::string lines = log.last_lines(3);
  for (std::size_t at; (at = lines.find('\n')) != std::string::npos;) lines.replace(at, 1, " | ");
  return lines.empty() ? reason : reason + ": " + printable(lines, kMaxReason);
}

/// Cause and reason of a run that failed by itself or by its limits; an empty cause: it did not.
std::pair<std::string, std::string> failure(const RunEnd& end, const CommandOptions& options,
                                            const CommandLog& log) {
  const int status = end.status;
  switch (end.how) {
    case RunEnd::How::over_time:
      return {"time", fmt::format("over its time limit of {}", duration_text(*options.rules.time_s))};
    case RunEnd::How::over_memory:
      return {"memory", fmt::format("over its memory limit of {} (it took {})",
                                    quantity_text("memory_bytes", *options.rules.memory_bytes),
                                    quantity_text("memory_bytes", end.memory_bytes))};
    case RunEnd::How::lost:
      return {"crash", "its keeper process was killed from outside"};
    case RunEnd::How::ended:
      break;
    default:
      return {};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const bool sigkill = (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
                       (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL);
  if (sigkill && end.out_of_memory)
    return {"memory", fmt::format("killed by the kernel, which ran out of memory (it took {})",
                                  quantity_text("memory_bytes", end.memory_bytes))};
  return {WIFSIGNALED(status) ? "signal" : "exit", with_last_lines(how_it_ended(status), log)};
}

class CommandEvaluator final : public Evaluator {
 public:
  explicit CommandEvaluator(std::shared_ptr<const CommandTask> task) : task_(std::move(task)) {}

  std::vector<double> probe(const space::Config& config) override { return probe_at(config, {}); }

  std::vector<double> probe_at(const space::Config& config, const Seat& seat) override {
    const CommandOptions& options = task_->options();
    if (!options.probe) return {};
    RunContext context;
    context.study_folder = task_->folder();
    context.probe = true;
    context.cores = seat.cores;
    context.gpus = seat.gpus;
    std::vector<double> signature;
    std::string problem = "it printed no signature";
    JsonLines lines(options.report_on_output);
    ProbeNumbers numbers;
    const bool with_batch = options.probe_batch != "none";
    CommandLog log("", 4096);
    const auto hear = [&](const std::vector<JsonLines::Line>& heard) {
      for (const auto& line : heard) {
        if (!line.problem.empty())
          problem = fmt::format("its line {} {}: {}", line.number, line.problem, line.shown);
        if (!line.signature.empty()) signature = line.signature;
      }
    };
    RunEars ears;
    ears.output = [&](std::string_view bytes) { log.add(bytes); };
    ears.report = [&](std::string_view bytes) { hear(lines.add(bytes)); };
    ears.apart = ears.report;
    ears.interrupted = seat.interrupted;
    Launch launched = launch(config, context);
    if (with_batch) {
      launched.input =
          batch_input(canonical_batches(), options.probe_batch == "json" ? BatchForm::json : BatchForm::text);
      launched.apart = true;
      ears.apart = [&](std::string_view bytes) { numbers.add(bytes); };
    }
    const RunEnd end = run_program(launched, options.rules, ears);
    hear(lines.end());
    numbers.end();
    if (end.how == RunEnd::How::interrupted) {
      probe_note_.clear();
      return {};
    }
    if (const auto [cause, reason] = failure(end, options, log); !cause.empty()) {
      problem = reason;
      signature.clear();
    } else if (with_batch && signature.empty()) {
      try {
        signature = numbers.values();
        if (signature.empty()) problem = "it printed no numbers";
      } catch (const Error& error) {
        problem = error.message();
      }
    }
    // A candidate without a signature is known by its config alone; its log says why.
    if (std::any_of(signature.begin(), signature.end(), [](double x) { return !std::isfinite(x); }))
      problem = "its signature holds NaN or infinity";
    else if (!signature.empty())
      problem.clear();
    probe_note_ = problem.empty() ? "" : "the probe failed: " + problem;
    return signature;
  }

  std::string probe_note() const override { return probe_note_; }

  Outcome run(const Assignment& assignment, Reporter& reporter) override {
    const CommandOptions& options = task_->options();
    const study::Trial& trial = assignment.trial;
    RunContext context;
    context.trial = trial.id;
    context.attempt = trial.attempts;
    context.seed = trial.seed;
    context.to = assignment.to;
    context.horizon = assignment.horizon;
    context.study_folder = task_->folder();
    context.cores = assignment.cores;
    context.gpus = assignment.gpus;
    bool goes_on = false;
    if (!assignment.folder.empty()) {
      context.folder = fs::absolute(assignment.folder).lexically_normal().string();
      context.checkpoint = context.folder + "/checkpoint";
      make_folder(context.checkpoint);
      // Without a checkpoint there is nothing to go on from, whatever was reported.
      goes_on = !fs::is_empty(context.checkpoint);
      if (goes_on) context.from = assignment.from;
    }
    CommandParts parts(context.folder, goes_on, trial);
    CommandLog log(context.folder.empty() ? "" : context.folder + "/output.log", options.output_bytes);
    log.note(fmt::format("attempt {}, worker {}, from {} to {}", trial.attempts,
                         trial.worker.substr(0, trial.worker.find('.')), context.from, assignment.to));
    if (!probe_note_.empty()) log.note(probe_note_);
    probe_note_.clear();

    Reports reports(assignment, reporter, log, options.report_on_output);
    OutputReports printed;
    RunEars ears;
    ears.output = [&](std::string_view bytes) {
      log.add(bytes);
      if (!options.report_on_output) printed.add(bytes);
    };
    ears.report = [&](std::string_view bytes) { reports.add(bytes); };
    ears.apart = [&](std::string_view bytes) {
      log.add(bytes);
      reports.add(bytes);
    };
    ears.wish = [&] { return reports.wish(); };
    ears.interrupted = [&] { return reporter.interrupted(); };
    RunEnd end;
    try {
      end = run_program(launch(trial.config, context), options.rules, ears);
    } catch (const Error& error) {
      // Of this config alone: a program named by a parameter, arguments that are too long.
      if (error.fault() != Fault::input) throw;
      log.note(error.message());
      return {Ending::failed, error.message(), context.from, {}, {}, "error"};
    }
    reports.end();
    printed.end();
    Unread unread = reports.unread();
    for (const auto& name : printed.names())
      unread.emplace_back(
          name,
          fmt::format("its output has lines of JSON with {}: report = \"stdout\" under [task] reads them",
                      printable(name, 60)));
    bool has_checkpoint = false;
    if (!context.checkpoint.empty()) {
      std::error_code code;
      fs::remove(context.checkpoint, code);  // only where it is empty
      has_checkpoint = fs::exists(context.checkpoint, code);
    }
    const std::string unkept = parts.end(end.seconds, end.cpu_s, has_checkpoint);
    Outcome outcome = judge(end, reports, assignment, log, unread, parts);
    outcome.unread = std::move(unread);
    // What a program reports itself, it adds up itself.
    for (const auto& [name, value] : {std::pair{"seconds", end.seconds}, std::pair{"cpu_s", end.cpu_s}})
      if (!reports.has(name)) outcome.took.add(name, value);
    log.note(fmt::format("{} after {:.2f} s", said(end, outcome), end.seconds));
    if (!unkept.empty()) log.note("what it took is lost to the part that goes on: " + unkept);
    return outcome;
  }

 private:
  Launch launch(const space::Config& config, const RunContext& context) const {
    const CommandOptions& options = task_->options();
    Launch launch;
    launch.arguments = command_arguments(options, config, context);
    if (launch.arguments.empty()) throw Error("the program's name hangs on an inactive parameter");
    try {
      launch.program = task_->program(launch.arguments[0]);
    } catch (const Error& error) {
      if (has_placeholder(options.run[0])) throw;
      // It was there when the search began, and its going is no trial's fault.
      throw environment_error(error.message(), error.hint());
    }
    launch.environment = command_environment(options, config, context);
    launch.folder = task_->folder();
    launch.cores = context.cores;
    launch.apart = options.report_on_output;
    if (options.config_on_input)
      launch.input = config.json().dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    return launch;
  }

  const identity::Prober& canonical_batches() {
    if (!prober_) {
      identity::ProbeSettings settings;
      settings.inputs = {{"x", {task_->options().probe_numbers}}};
      prober_.emplace(std::move(settings));
    }
    return *prober_;
  }

  static void make_folder(const std::string& path) {
    std::error_code code;
    fs::create_directories(path, code);
    if (code) throw environment_error(fmt::format("cannot make the folder {}: {}", path, code.message()));
  }

  Outcome judge(const RunEnd& end, const Reports& reports, const Assignment& assignment,
                const CommandLog& log, const Unread& unread, const CommandParts& parts) const {
    const CommandOptions& options = task_->options();
    Outcome outcome;
    outcome.fidelity = reports.last();
    const bool well = WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0 && !end.killed;
    if (end.how == RunEnd::How::paused || end.how == RunEnd::How::stopped) {
      outcome.ending = end.how == RunEnd::How::paused ? Ending::paused : Ending::stopped;
      return outcome;
    }
    // It may have been about to end anyway: then its result is there, and stands.
    if (end.how == RunEnd::How::interrupted && !(well && !reports.result().empty())) {
      outcome.ending = Ending::interrupted;
      return outcome;
    }
    if (const auto [cause, reason] = failure(end, options, log); !cause.empty()) {
      outcome.measures = reports.result();
      outcome.ending = Ending::failed;
      outcome.cause = cause;
      outcome.reason = reason;
      return outcome;
    }
    outcome.fidelity = assignment.to;
    outcome.measures = {
        {"seconds", parts.seconds()}, {"cpu_s", parts.cpu_s()}, {"memory_bytes", end.memory_bytes}};
    outcome.measures.merge(reports.result());
    for (const auto& name : options.metrics) {
      if (outcome.measures.find(name)) continue;
      outcome.ending = Ending::failed;
      outcome.cause = "missing";
      outcome.reason = reports.last() > assignment.from
                           ? fmt::format("it did not report {}; its reports end at {} of {} {}", name,
                                         reports.last(), assignment.to, task_->fidelity_unit())
                           : missing_reason(name, reports.result(), unread);
      break;
    }
    return outcome;
  }

  /// How the run ended, for the log.
  static std::string said(const RunEnd& end, const Outcome& outcome) {
    const std::string status = how_it_ended(end.status);
    switch (end.how) {
      case RunEnd::How::stopped:
        return "stopped, " + status;
      case RunEnd::How::paused:
        return "paused, " + status;
      case RunEnd::How::interrupted:
        return "interrupted, " + status;
      case RunEnd::How::over_time:
      case RunEnd::How::over_memory:
      case RunEnd::How::lost:
        return outcome.reason;
      case RunEnd::How::ended:
        break;
    }
    return outcome.cause == "memory" || outcome.cause == "missing" ? outcome.reason : status;
  }

  std::shared_ptr<const CommandTask> task_;
  std::string probe_note_;
  std::optional<identity::Prober> prober_;  ///< made when first asked for
};

}  // namespace

std::unique_ptr<Evaluator> make_command_evaluator(std::shared_ptr<const CommandTask> task) {
  return std::make_unique<CommandEvaluator>(std::move(task));
}

}  // namespace hone::task
