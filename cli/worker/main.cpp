// hone-worker: what needs LibTorch. hone starts it, with the environment that the linear algebra libraries
// need; people do not type it.
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "../worker_flags.h"
#include "cost_train.h"
#include "hone/base/clock.h"
#include "hone/base/display.h"
#include "hone/base/units.h"
#include "hone/learn/language_model.h"
#include "hone/learn/torch_pass.h"
#include "hone/learn/train_design.h"
#include "hone/run/probing.h"
#include "hone/run/runner.h"
#include "hone/run/worker.h"

namespace {

volatile std::sig_atomic_t g_stop = 0;
void on_stop(int) { g_stop = 1; }

void catch_stops() {
  struct sigaction action {};
  action.sa_handler = on_stop;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

int train(const std::string& store_url, const std::string& path, std::int64_t trial, std::int64_t steps,
          const std::string& output, bool json) {
  catch_stops();
  auto store = hone::study::open_existing_store(store_url);
  const auto file = hone::run::study_file_of(store, path);
  hone::study::Study study(store);
  study.sync();
  file.need_data(study.header().data);
  hone::learn::TrainDesign design;
  design.steps = steps;
  design.output = output;
  design.interrupted = [] { return g_stop != 0; };
  const bool terminal = hone::moves_cursor(STDERR_FILENO);
  double last = -1e9;
  const std::string loss_unit = hone::learn::loss_unit(*file.task), unit = file.task->fidelity_unit();
  design.progress = [&](double reached, double loss, double elapsed_s) {
    const double now = hone::monotonic_s(), all = static_cast<double>(steps);
    if (now - last < (terminal ? 0.2 : 5.0) && reached < all) return;
    last = now;
    const double left = reached > 0.0 ? elapsed_s / reached * (all - reached) : 0.0;
    std::fprintf(stderr, "%s%.*f of %lld %s   train %.3f %s   %s left%s", terminal ? "\r\x1b[K" : "",
                 reached == std::floor(reached) ? 0 : 1, reached, static_cast<long long>(steps), unit.c_str(),
                 loss, loss_unit.c_str(), hone::duration_text(left).c_str(),
                 terminal && reached < all ? "" : "\n");
  };
  const auto result = hone::learn::train_design(file.task, study.trial(trial), design);
  if (!result.finished) {
    if (terminal) std::fprintf(stderr, "\n");
    std::fprintf(stderr, "stopped at %lld of %lld %s; everything is saved, the same command goes on\n",
                 static_cast<long long>(result.steps), static_cast<long long>(steps), unit.c_str());
    return 3;
  }
  if (json) {
    hone::Json document{{"model", std::filesystem::absolute(output).string()},
                        {"trial", trial},
                        {"steps", result.steps},
                        {"measures", result.measures.json()}};
    std::printf("%s\n", document.dump(2).c_str());
  } else {
    for (const auto& [name, value] : result.measures.entries())
      std::printf("%-20s %s\n", name.c_str(), hone::quantity_text(name, value).c_str());
    std::printf("saved %s\n", output.c_str());
    if (file.task_kind == "text") std::printf("next: hone generate %s\n", output.c_str());
  }
  return 0;
}

int generate(const std::string& path, const std::string& prompt, const hone::learn::SamplingOptions& sampling,
             bool json) {
  catch_stops();
  auto model = hone::learn::LanguageModel::load(path);
  if (!json) std::fputs(prompt.c_str(), stdout);
  const std::string text = model.generate(prompt, sampling, [&](const std::string& character) {
    if (!json) {
      std::fputs(character.c_str(), stdout);
      std::fflush(stdout);
    }
    return g_stop == 0;
  });
  if (json)
    std::printf("%s\n", hone::Json{{"prompt", prompt}, {"text", text}}
                            .dump(2, ' ', false, hone::Json::error_handler_t::replace)
                            .c_str());
  else
    std::printf("\n");
  return g_stop == 0 ? 0 : 3;
}

}  // namespace

int main(int argc, char** argv) {
  hone::add_methods(hone::detail::collect_hone_train);
  at::set_num_threads(1);
  CLI::App app{"hone's half that needs LibTorch; use hone", "hone-worker"};
  app.require_subcommand(1);

  std::string store, file, output, path, prompt;
  std::int64_t trial = 0, steps = 0;
  bool json = false;
  hone::learn::SamplingOptions sampling;

  auto* worker = app.add_subcommand("worker", "Work on a study's trials");
  const auto worker_words = hone::cli::add_worker_flags(*worker);

  std::string configs;
  auto* probing = app.add_subcommand("probe", "What the configs of a file compute, for hone identity");
  probing->add_option("FILE", file)->required();
  probing->add_option("CONFIGS", configs)->required();
  probing->add_option("OUTPUT", output)->required();

  auto* training = app.add_subcommand("train", "Train a trial's design at full budget");
  training->add_option("--store", store)->required();
  training->add_option("--file", file);
  training->add_option("--trial", trial)->required();
  training->add_option("--steps", steps)->required();
  training->add_option("--output", output)->required();
  training->add_flag("--json", json);

  auto* generating = app.add_subcommand("generate", "Write text with a model");
  generating->add_option("MODEL", path)->required();
  generating->add_option("--prompt", prompt);
  generating->add_option("--chars", sampling.characters);
  generating->add_option("--temperature", sampling.temperature);
  generating->add_option("--top-k", sampling.top_k);
  generating->add_option("--seed", sampling.seed);
  generating->add_flag("--json", json);

  hone::cli::CostTrainArguments cost_arguments;
  const auto* cost_training = hone::cli::add_cost_train(app, cost_arguments);

  auto* running = app.add_subcommand("runner", "Measure graphs that come in on standard input");
  CLI11_PARSE(app, argc, argv);

  try {
    if (*running) {
      catch_stops();
      hone::run::serve_runner(STDIN_FILENO, STDOUT_FILENO,
                              hone::run::graph_engine("torch", hone::learn::torch_pass),
                              [] { return g_stop != 0; });
      return 0;
    }
    if (*worker) return hone::run::work_as_told(hone::run::read_worker_arguments(*worker_words));
    if (*probing) {
      hone::run::serve_probes(file, configs, output);
      return 0;
    }
    if (*cost_training) {
      catch_stops();
      return hone::cli::cost_train(cost_arguments, [] { return g_stop != 0; });
    }
    if (*training) return train(store, file, trial, steps, output, json);
    return generate(path, prompt, sampling, json);
  } catch (const hone::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return error.fault() == hone::Fault::input ? 2 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
