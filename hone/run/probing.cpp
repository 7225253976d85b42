#include "hone/run/probing.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/run/probe_process.h"
#include "hone/run/process.h"
#include "hone/run/worker_main.h"

namespace hone::run {
namespace {

std::unique_ptr<task::Evaluator> make_evaluator(const StudyFile& file) {
  return methods().maker<task::MakeEvaluator>("evaluator", file.task_kind)(file.task, file.task_options,
                                                                           file.folder);
}

ProbeAnswer ask(const StudyFile& file, task::Evaluator& evaluator, const space::Config& config,
                const std::function<bool()>& interrupted) {
  try {
    const auto literal = file.task->unseen_by_probe(config);
    if (!literal) return {{}, kNoProbe, ""};
    ProbeAnswer answer{evaluator.probe_at(config, {.interrupted = interrupted}), "", *literal};
    if (answer.floats.empty()) answer.failure = why_unhashable(answer.floats, evaluator);
    return answer;
  } catch (const Error& error) {
    return {{}, error.message(), ""};
  } catch (const std::exception& error) {
    return {{}, error.what(), ""};
  }
}

void settle(const ProbeAnswer& answer, const identity::Quantisation& how, Probed& probed) {
  probed.failure = answer.failure;
  if (!answer.failure.empty()) return;
  probed.functional = identity::signature(answer.floats, answer.literal, how);
  if (!probed.functional) probed.failure = "the probe gave NaN or infinity";
}

void add_structure(const StudyFile& file, Probed& probed) {
  try {
    if (const auto graph = file.task->graph(probed.config)) probed.structural = graph::canonical(*graph).key;
  } catch (const Error& error) {
    probed.failure = error.message();
  }
}

/// One run of probe_all.
class Probing {
 public:
  Probing(const StudyFile& file, const std::vector<space::Config>& configs, const ProbingOptions& options)
      : file_(file), options_(options), done_(configs.size(), 0) {
    for (const auto& config : configs) probed_.push_back({config, {}, std::nullopt, ""});
    const std::int64_t fit = core_count() / std::max(1, file.task->needs().cores);
    workers_ =
        static_cast<std::size_t>(std::max<std::int64_t>(1, options.workers > 0 ? options.workers : fit));
    workers_ = std::max<std::size_t>(1, std::min(workers_, configs.size()));
  }

  std::vector<Probed> run() {
    const std::string program = worker_program(file_);
    const bool probe = has_probe(file_);
    const bool here = !probe || program == "hone" || !task::own_tasks().empty();
    in_threads(probe && here);
    if (probe && !here) in_processes(program);
    std::size_t whole = 0;
    while (whole < done_.size() && done_[whole] != 0) ++whole;
    probed_.resize(whole);
    return std::move(probed_);
  }

 private:
  bool interrupted() const { return options_.interrupted && options_.interrupted(); }
  void tell(std::size_t done) const {
    if (options_.progress) options_.progress(done, probed_.size());
  }

  /// Structures, and where `probe` says so functions, by threads of this process.
  void in_threads(bool probe) {
    const bool last = probe || !has_probe(file_);
    std::atomic<std::size_t> next{0}, finished{0};
    std::atomic<bool> stop{false};
    std::mutex mutex;
    std::exception_ptr failure;
    const auto body = [&] {
      try {
        std::unique_ptr<task::Evaluator> evaluator;
        if (probe) evaluator = make_evaluator(file_);
        for (std::size_t i = next++; i < probed_.size() && !stop; i = next++) {
          add_structure(file_, probed_[i]);
          if (probe && probed_[i].failure.empty())
            settle(ask(file_, *evaluator, probed_[i].config, [&] { return stop.load(); }),
                   options_.quantisation, probed_[i]);
          if (last && !stop) done_[i] = 1;
          ++finished;
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
        stop = true;
      }
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < workers_; ++i) threads.emplace_back(body);
    while (finished < probed_.size() && !stop) {
      std::this_thread::sleep_for(std::chrono::milliseconds(finished == 0 ? 1 : 20));
      if (interrupted()) stop = true;
      if (last) tell(finished);
    }
    threads.clear();
    if (failure) std::rethrow_exception(failure);
    if (last) tell(finished);  // what ended after the last look
  }

  void in_processes(const std::string& program) {
    const ScratchFolder scratch("hone-probe");
    const std::string path = program.find('/') == std::string::npos ? find_program(program) : program;
    std::vector<std::unique_ptr<ProbeProcess>> processes;
    for (std::size_t i = 0; i < workers_; ++i)
      processes.push_back(
          std::make_unique<ProbeProcess>(path, file_.path, fmt::format("{}/{}", scratch.path(), i)));
    std::size_t finished = 0, asked = 0;
    std::vector<std::vector<std::size_t>> alike(probed_.size());
    std::unordered_map<Key, std::size_t> decided;
    for (std::size_t i = 0; i < probed_.size(); ++i) {
      if (!probed_[i].failure.empty()) {
        done_[i] = 1;
        ++finished;
        continue;
      }
      std::size_t first = i;
      if (const auto key = task::probed_as(*file_.task, probed_[i].config, probed_[i].structural))
        first = decided.emplace(*key, i).first->second;
      alike[first].push_back(i);
      if (first == i) processes[asked++ % workers_]->add(i, probed_[i].config);
    }
    for (bool some = true; some && !interrupted();) {
      some = false;
      for (auto& process : processes)
        some = process->turn([&](std::size_t i, const ProbeAnswer& answer) {
          for (const std::size_t one : alike[i]) {
            settle(answer, options_.quantisation, probed_[one]);
            done_[one] = 1;
            ++finished;
          }
        }) || some;
      tell(finished);
      if (some) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  const StudyFile& file_;
  const ProbingOptions& options_;
  std::vector<Probed> probed_;
  std::vector<char> done_;
  std::size_t workers_ = 1;
};

}  // namespace

std::string why_unhashable(const std::vector<double>& floats, const task::Evaluator& evaluator) {
  if (const std::string note = evaluator.probe_note(); !note.empty()) return note;
  if (floats.empty()) return "the probe gave nothing";
  return "the probe gave NaN or infinity";
}

bool has_probe(const StudyFile& file) {
  // What a program's task can do is known to the program alone.
  if (!file.task->program().empty() && task::own_tasks().empty()) return true;
  Rng rng(0, "probing");
  return file.task->unseen_by_probe(file.space.sample(rng)).has_value();
}

std::vector<Probed> probe_all(const StudyFile& file, const std::vector<space::Config>& configs,
                              const ProbingOptions& options) {
  if (configs.empty()) return {};
  return Probing(file, configs, options).run();
}

void serve_probes(const std::string& study_file, const std::string& configs, const std::string& output) {
  const StudyFile file = StudyFile::read(study_file);
  const auto evaluator = make_evaluator(file);
  std::istringstream lines(read_file(configs));
  std::ofstream answers(output, std::ios::binary | std::ios::app);
  if (!answers) throw environment_error(fmt::format("cannot write {}", output));
  for (std::string line; std::getline(lines, line);) {
    const auto config = file.space.canonical(space::Config::from_json(parse_json(line, configs)));
    const ProbeAnswer answer = ask(file, *evaluator, config, {});
    std::string text = answer.failure.empty() ? "{\"floats\":[" : "{\"failure\":";
    if (answer.failure.empty()) {
      for (std::size_t i = 0; i < answer.floats.size(); ++i) {
        if (i > 0) text += ',';
        append_json(text, answer.floats[i]);
      }
      text += "],\"literal\":";
      append_json(text, answer.literal);
      text += "}\n";
    } else {
      append_json(text, answer.failure);
      text += "}\n";
    }
    answers << text << std::flush;
  }
}

}  // namespace hone::run
