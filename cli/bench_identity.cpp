// hone bench identity: what recognising functions is worth on recorded tables.
#include "bench_identity.h"

#include <cstdio>
#include <filesystem>

#include "hone/base/files.h"
#include "hone/run/identity_study.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct BenchIdentityArguments {
  std::string data, out;
  std::int64_t seeds = 5, proposals = 2000;
  bool json = false, quiet = false;
};

int bench_identity(const BenchIdentityArguments& arguments) {
  catch_interrupts();
  ProgressLine progress(arguments.quiet);
  run::IdentityStudyOptions options;
  options.seeds = arguments.seeds;
  options.proposals = arguments.proposals;
  options.interrupted = interrupted;
  options.progress = [&](const std::string& what) { progress.show(what); };
  const run::IdentityStudy study = run::study_identity(arguments.data, options);
  progress.clear();
  std::string page;
  if (!arguments.out.empty()) {
    std::filesystem::create_directories(arguments.out);
    page = arguments.out + "/identity.html";
    write_file_atomic(page, run::identity_study_page(study, arguments.data));
    write_file_atomic(arguments.out + "/identity.json", study.json().dump(1) + "\n");
  }
  if (arguments.json)
    print_json(study.json());
  else
    std::printf("%s", study.text().c_str());
  if (!arguments.json && !page.empty()) std::printf("\n%s\n", std::filesystem::absolute(page).c_str());
  if (study.interrupted) {
    std::fprintf(stderr, "stopped; these are the figures that were finished\n");
    return kStopped;
  }
  return kDone;
}

}  // namespace

void add_bench_identity(CLI::App& bench, Action& action) {
  auto* command = bench.add_subcommand(
      "identity", "What recognising functions saves, and what the hash's settings do, on recorded tables");
  command->footer(
      "Tables of NAS-Bench-201 cells are told apart by what a cell computes, any other table's designs by "
      "their "
      "configs alone. Tables of latencies of the same cells below the folder make fronts.\n"
      "Examples:\n"
      "  hone bench identity --data tables\n"
      "  hone bench identity --data tables --seeds 20 --out bench-identity");
  auto arguments = std::make_shared<BenchIdentityArguments>();
  command->add_option("--data", arguments->data, "Folder of recorded tables (docs/bench.md)")->required();
  command->add_option("--seeds", arguments->seeds, "Searches with each setting; default: 5")
      ->check(whole_number(1, 1000));
  command->add_option("--proposals", arguments->proposals, "Proposals of each search; default: 2000")
      ->check(whole_number(10, 1000000));
  command->add_option("--out", arguments->out, "Folder for identity.html, with plots, and identity.json");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([arguments, &action] { action = [arguments] { return bench_identity(*arguments); }; });
}

}  // namespace hone::cli
