#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hone/identity/probe.h"
#include "hone/task/command_lines.h"
#include "hone/task/command_run.h"

namespace hone::task {

/// The canonical batches as a program reads them on standard input.
///   json: one line a step, {"step": 0, "inputs": {"x": [[0.1, -1.2], ...]}}, one list an example
///   text: one line an example, its numbers between blanks; an empty line after each step
enum class BatchForm { json, text };
std::string batch_input(const identity::Prober& prober, BatchForm form);

/// The floats that a program printed: a line {"signature": [...]} (of several the last counts), or where
/// there is none all numbers, between blanks, commas, semicolons and brackets. nan, inf and -inf are
/// understood.
class ProbeNumbers {
 public:
  void add(std::string_view bytes);
  void end();
  /// Throws Error naming the first word that is no number.
  std::vector<double> values() const;

 private:
  void line(std::string_view text);

  JsonLines json_{true};
  std::string rest_;  ///< of the unfinished line
  std::vector<double> plain_, signature_;
  std::string wrong_;
};

/// Another program as a candidate: run once, with all steps' batches on its standard input, HONE_PROBE=1 and
/// HONE_SEED for its random numbers. It prints numbers on standard output, or a signature as a task's probe
/// does (docs/command.md).
struct ProbeCommand {
  std::vector<std::string> run;  ///< the program, by path or in PATH, and its arguments
  std::string folder = ".";      ///< where it runs
  BatchForm form = BatchForm::json;
  RunRules rules = {};
};
/// The candidate throws Error where the program cannot be started, fails, or prints what is no number.
identity::Candidate command_candidate(ProbeCommand program, std::function<bool()> interrupted = {});

}  // namespace hone::task
