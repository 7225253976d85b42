// hone identity: how many different functions a space holds, and how often a searcher proposes a known one.
#include <cstdio>
#include <filesystem>

#include "command.h"
#include "hone/base/files.h"
#include "hone/run/class_count.h"
#include "hone/run/worker_main.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct IdentityArguments {
  std::string file, out;
  std::vector<std::string> searchers;
  std::int64_t limit = 20000, samples = 2000, proposals = 1000, workers = 0, bits = 0;
  bool json = false, quiet = false;
};

int identity(const IdentityArguments& arguments) {
  const run::StudyFile file = run::StudyFile::read(arguments.file);
  for (const auto& searcher : arguments.searchers) methods().need("searcher", searcher);
  if (!arguments.out.empty()) {
    need_writable(arguments.out);
    need_other_file(arguments.out, {arguments.file, file.default_store().substr(sizeof("sqlite:") - 1)});
  }
  catch_interrupts();
  run::prepare_task(file);

  ProgressLine progress(arguments.quiet);
  run::ProbingOptions options;
  options.workers = arguments.workers;
  options.quantisation = file.identity.rounding(file.task->rounding());
  if (arguments.bits > 0) options.quantisation.mantissa_bits = static_cast<int>(arguments.bits);
  options.interrupted = interrupted;
  std::string what = "designs";
  options.progress = [&](std::size_t done, std::size_t total) {
    progress.show(fmt::format("{} of {} {} probed", done, total, what));
  };
  progress.show("finding designs");
  const run::Designs designs = run::designs_of(file.space, arguments.limit, arguments.samples, file.seed);
  run::ClassCount count = run::count_classes(file, designs, run::probe_all(file, designs.configs, options));
  if (!interrupted()) count.cells = run::cell_class_counts(file, designs, count.cell_kind);

  std::vector<run::ProposalCurve> curves;
  for (const auto& searcher : arguments.searchers) {
    if (interrupted()) break;
    progress.show(fmt::format("asking {}", searcher));
    const auto configs = run::proposals_of(file, searcher, arguments.proposals);
    what = "proposals of " + searcher;
    curves.push_back(run::proposal_curve(searcher, run::probe_all(file, configs, options)));
  }
  progress.clear();
  count.interrupted = count.interrupted || interrupted();

  if (!arguments.out.empty()) write_file_atomic(arguments.out, run::class_page(count, curves));
  if (arguments.json) {
    Json json = count.json();
    json["proposals"] = Json::array();
    for (const auto& curve : curves) json["proposals"].push_back(curve.json());
    if (!arguments.out.empty()) json["page"] = std::filesystem::absolute(arguments.out).string();
    print_json(json);
  } else {
    std::printf("%s%s", count.text().c_str(), run::proposals_text(curves).c_str());
    if (!arguments.out.empty()) std::printf("\n%s\n", std::filesystem::absolute(arguments.out).c_str());
  }
  if (interrupted()) {
    std::fprintf(stderr, "stopped; the counts are of what was looked at until then\n");
    return kStopped;
  }
  return kDone;
}

}  // namespace

void add_identity(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand(
      "identity", "Count the literal, structural and functional classes of a study's space");
  command->footer(
      "Nothing is trained: each design's probe runs once, a few steps on the canonical batch. Ctrl-C stops "
      "and "
      "tells what is known by then.\n"
      "Examples:\n"
      "  hone identity examples/nasbench201.toml --limit 1000 --samples 500\n"
      "  hone identity licences.toml --samples 500 --workers 2\n"
      "  hone identity recorded.toml --searcher random,regularized_evolution --proposals 2000 "
      "--out identity.html");
  auto arguments = std::make_shared<IdentityArguments>();
  command->add_option("FILE", arguments->file, "The study file")->required();
  command
      ->add_option("--limit", arguments->limit,
                   "A space of at most so many designs is gone through whole; default: 20000")
      ->check(whole_number(1, 10000000));
  command
      ->add_option("--samples", arguments->samples,
                   "Of a larger space so many designs are drawn; default: 2000")
      ->check(whole_number(1, 10000000));
  command
      ->add_option("--searcher", arguments->searchers,
                   "Comma separated: count how many of these searchers' proposals repeat a known function")
      ->delimiter(',');
  command->add_option("--proposals", arguments->proposals, "Proposals of each searcher; default: 1000")
      ->check(whole_number(1, 10000000));
  command
      ->add_option("--bits", arguments->bits,
                   "Bits of the mantissa that count; default: as the study file says, else the task")
      ->check(whole_number(1, 52));
  command->add_option("--workers", arguments->workers, "Probes at once; default: one a core")
      ->check(whole_number(1, 1024));
  command->add_option("--out", arguments->out, "Write a self-contained HTML page with plots here");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([arguments, &action] { action = [arguments] { return identity(*arguments); }; });
}

}  // namespace hone::cli
