#pragma once

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../program.h"
#include "hone/base/numbers.h"
#include "hone/task/command.h"

namespace hone::test {

/// NaN: it is not there.
inline double measure(const task::Outcome& outcome, const std::string& name) {
  return outcome.measures.find(name).value_or(kNaN);
}

/// A program as a command task in a folder of its own, run in this process.
class CommandBench {
 public:
  /// script: the text of a shell script; options: the [task] table besides run.
  explicit CommandBench(const std::string& script, Json options = Json::object()) {
    folder.write("script.sh", script);
    options["run"] = Json::array({"sh", "script.sh"});
    make(options);
  }
  CommandBench() = default;  ///< make() before use

  void make(const Json& options) {
    task =
        std::make_shared<task::CommandTask>(Options(task::CommandOptions::specs(), options), folder.path());
    evaluator = task::make_command_evaluator(task);
  }

  struct Listener final : task::Reporter {
    Verdict report(std::int64_t fidelity, const study::Measures& measures) override {
      reports.push_back({fidelity, measures});
      return judge ? judge(fidelity) : Verdict::go_on;
    }
    bool interrupted() override { return interrupt && interrupt(); }
    std::vector<study::Result> reports;
    std::function<Verdict(std::int64_t)> judge;
    std::function<bool()> interrupt;
  };

  task::Outcome run(std::int64_t to = 1, std::int64_t from = 0) {
    task::Assignment assignment;
    assignment.trial.id = 7;
    assignment.trial.config = config;
    assignment.trial.seed = 3;
    assignment.trial.attempts = ++attempts;
    assignment.trial.worker = "w0.123";
    assignment.trial.results = results;
    assignment.from = from;
    assignment.to = to;
    assignment.horizon = 100;
    assignment.folder = folder.file("s.hone/trials/7");
    assignment.cores = cores;
    assignment.gpus = gpus;
    return evaluator->run(assignment, listener);
  }
  std::string log() const { return folder.read("s.hone/trials/7/output.log"); }

  Folder folder;
  std::shared_ptr<const task::CommandTask> task;
  std::unique_ptr<task::Evaluator> evaluator;
  space::Config config{{{"lr", 0.001}, {"mixer.0", std::string("attention")}, {"tied", true}}};
  std::vector<int> cores;
  std::vector<std::string> gpus;
  Listener listener;
  std::int64_t attempts = 0;
  std::vector<study::Result> results;  ///< of the trial, before it runs
};

/// Whether a process is there and no zombie.
inline bool alive(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && name_end + 2 < text.size() && text[name_end + 2] != 'Z';
}

/// The number in a file that a script writes; 0 until it is there.
inline int number_in(const Folder& folder, const std::string& name) {
  const std::string text = folder.read(name);
  return text.ends_with('\n') ? std::atoi(text.c_str()) : 0;
}

}  // namespace hone::test
