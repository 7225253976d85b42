// The store under load, in one SQLite file: eight processes that ask and tell a task that does nothing, and
// opening a study of a million finished trials. Figures: results a second together; seconds to open and to
// know the front; bytes a trial. The physical limit beside it: rows of the same size that one process inserts
// into an SQLite file in transactions of the same length.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/files.h"
#include "hone/run/optimizer.h"

namespace {

using hone::run::Optimizer;

Optimizer::Setup setup() {
  Optimizer::Setup setup;
  setup.space = hone::space::Space::Builder()
                    .real("lr", 1e-4, 1e-1, {.log = true})
                    .real("dropout", 0.0, 0.5)
                    .integer("width", 16, 512, {.log = true})
                    .integer("layers", 1, 8)
                    .choice("activation", {std::string("relu"), std::string("gelu"), std::string("tanh")})
                    .flag("tied")
                    .build();
  setup.objectives = {{"loss", true}, {"cost", true}};
  setup.searcher = "random";
  return setup;
}

/// Asks and tells until the study has `trials`; the number told.
std::int64_t work(const std::string& url, std::int64_t trials, std::int64_t batch) {
  auto s = setup();
  s.max_trials = trials;
  Optimizer optimizer(s, hone::study::open_store(url));
  std::int64_t told = 0;
  for (;;) {
    const auto jobs = optimizer.ask_alike(batch);
    if (jobs.empty()) {
      if (optimizer.finished()) return told;
      ::usleep(500);
      continue;
    }
    std::vector<Optimizer::Told> results;
    for (const auto& job : jobs)
      results.push_back({job,
                         {{"loss", job.config.real("lr") + job.config.real("dropout")},
                          {"cost", static_cast<double>(job.config.integer("width"))}}});
    told += static_cast<std::int64_t>(optimizer.tell(results));
  }
}

double together(const std::string& url, int processes, std::int64_t trials, std::int64_t batch) {
  { Optimizer create(setup(), hone::study::open_store(url)); }
  const double began = hone::monotonic_s();
  std::vector<pid_t> children;
  for (int i = 0; i < processes; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      int status = 1;
      try {
        work(url, trials, batch);
        status = 0;
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
      }
      ::_exit(status);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) std::printf("a process failed\n");
  }
  return hone::monotonic_s() - began;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t large = argc > 1 ? std::atoll(argv[1]) : 1000000;
  const hone::ScratchFolder scratch("hone-bench");
  const std::string& folder = scratch.path();
  std::printf("results a second into one SQLite file, 40,000 trials of six parameters (%ld cores)\n",
              ::sysconf(_SC_NPROCESSORS_ONLN));
  std::printf("%10s %8s %12s\n", "processes", "batch", "results/s");
  int file = 0;
  for (const auto& [processes, batch] :
       std::vector<std::pair<int, int>>{{1, 1}, {1, 128}, {8, 1}, {8, 128}}) {
    const std::int64_t trials = batch == 1 ? 10000 : 40000;
    const std::string path = fmt::format("{}/{}.sqlite", folder, file++);
    const double seconds = together("sqlite:" + path, processes, trials, batch);
    std::int64_t completed = 0;
    {
      hone::study::Study study(hone::study::open_store("sqlite:" + path), hone::study::Study::Depth::light);
      study.sync();
      completed = study.count(hone::study::TrialState::completed);
    }
    std::printf("%10d %8d %12.0f%s\n", processes, batch, static_cast<double>(trials) / seconds,
                completed == trials ? "" : "   RESULTS ARE MISSING");
    std::filesystem::remove(path);
  }

  std::printf("\na study of %lld finished trials\n", static_cast<long long>(large));
  const std::string path = folder + "/large.sqlite";
  const double making = together("sqlite:" + path, 2, large, 128);
  std::printf("%-44s %10.1f s\n", "made by two processes", making);
  std::printf("%-44s %10.0f bytes a trial\n", "the file",
              static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(large));
  for (const auto depth : {hone::study::Study::Depth::light, hone::study::Study::Depth::whole}) {
    const double began = hone::monotonic_s();
    hone::study::Study study(hone::study::open_store("sqlite:" + path), depth);
    study.sync();
    const bool light = depth == hone::study::Study::Depth::light;
    std::printf("%-44s %10.3f s   (front of %zu)\n",
                light ? "open, and know the front (light)" : "read whole, as a searcher does",
                hone::monotonic_s() - began, study.front().members().size());
  }
}
