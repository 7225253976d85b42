#include "hone/task/command_probe.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/numbers.h"
#include "hone/task/command_options.h"

namespace hone::task {
namespace {

constexpr std::string_view kBetween = " \t\r,;[]()";

/// A number as people's programs print it; nullopt: it is none.
std::optional<double> number_of(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (lower == "nan" || lower == "-nan" || lower == "+nan") return kNaN;
  if (lower.starts_with('+')) lower.erase(0, 1);
  double value = 0.0;
  const auto [stop, code] = std::from_chars(lower.data(), lower.data() + lower.size(), value);
  if (stop != lower.data() + lower.size()) return std::nullopt;
  // Too small for a double is nothing, too large is infinite.
  if (code == std::errc::result_out_of_range) return lower.find("e-") != std::string::npos ? 0.0 : kInfinity;
  if (code != std::errc()) return std::nullopt;
  return value;
}

std::vector<double> run_candidate(const ProbeCommand& program, const std::function<bool()>& interrupted,
                                  const identity::Prober& prober) {
  // The environment's part of a task's options; no placeholders are read in the arguments.
  const CommandOptions options(Options(CommandOptions::specs(), Json{{"run", Json::array({"probe"})}}));
  RunContext context;
  context.seed = prober.settings().seed;
  context.study_folder = program.folder;
  context.probe = true;
  Launch launch;
  const std::string& name = program.run.front();
  launch.program = name.find('/') == std::string::npos ? program_on_path(name) : name;
  if (launch.program.empty())
    throw Error(fmt::format("there is no program '{}' in PATH", program.run.front()));
  launch.arguments = program.run;
  launch.environment = command_environment(options, {}, context);
  launch.folder = program.folder;
  launch.input = batch_input(prober, program.form);
  launch.apart = true;
  ProbeNumbers printed, reported;
  std::string errors;
  RunEars ears;
  ears.output = [&](std::string_view bytes) {
    errors.append(bytes.substr(0, 4096 - std::min<std::size_t>(errors.size(), 4096)));
  };
  ears.apart = [&](std::string_view bytes) { printed.add(bytes); };
  ears.report = [&](std::string_view bytes) { reported.add(bytes); };
  ears.interrupted = interrupted;
  const RunEnd end = run_program(launch, program.rules, ears);
  printed.end();
  reported.end();
  if (end.how == RunEnd::How::interrupted) return {};
  const std::string said = errors.empty() ? "" : ": " + printable(errors, 200);
  if (end.how != RunEnd::How::ended)
    throw Error(fmt::format("the probe of '{}' was stopped by its limits{}", program.run.front(), said));
  if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0)
    throw Error(fmt::format("the probe of '{}' {}{}", program.run.front(),
                            WIFSIGNALED(end.status)
                                ? "was killed by " + signal_name(WTERMSIG(end.status))
                                : fmt::format("ended with status {}", WEXITSTATUS(end.status)),
                            said));
  auto values = reported.values();
  return values.empty() ? printed.values() : values;
}

}  // namespace

std::string batch_input(const identity::Prober& prober, BatchForm form) {
  std::string input;
  std::int64_t step = 0;
  for (const auto& batch : prober.batches()) {
    if (form == BatchForm::json)
      input += Json{{"step", step++}, {"inputs", batch.json()}}.dump() + "\n";
    else
      input += batch.text() + "\n";
  }
  return input;
}

void ProbeNumbers::add(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = bytes.find('\n', at);
    rest_ += bytes.substr(at, end - at);
    if (end == std::string_view::npos) return;
    line(rest_);
    rest_.clear();
    at = end + 1;
  }
}

void ProbeNumbers::end() {
  if (!rest_.empty()) line(rest_);
  rest_.clear();
}

void ProbeNumbers::line(std::string_view text) {
  if (text.starts_with('{')) {
    for (const auto& line : json_.add(std::string(text) + "\n")) {
      if (!line.problem.empty() && wrong_.empty()) wrong_ = line.shown;
      if (!line.signature.empty()) signature_ = line.signature;
    }
    return;
  }
  for (std::size_t at = text.find_first_not_of(kBetween); at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (const auto value = number_of(word))
      plain_.push_back(*value);
    else if (wrong_.empty())
      wrong_ = printable(word, 60);
    at = text.find_first_not_of(kBetween, end);
  }
}

std::vector<double> ProbeNumbers::values() const {
  if (!signature_.empty()) return signature_;
  if (!wrong_.empty())
    throw Error(fmt::format("a probe printed '{}' where numbers were expected", wrong_), {},
                "print numbers alone on standard output, or a line {\"signature\": [...]}");
  return plain_;
}

identity::Candidate command_candidate(ProbeCommand program, std::function<bool()> interrupted) {
  if (program.run.empty()) throw Error("a probe names no program");
  return [program = std::move(program), interrupted = std::move(interrupted)](
             const identity::Prober& prober) { return run_candidate(program, interrupted, prober); };
}

}  // namespace hone::task
